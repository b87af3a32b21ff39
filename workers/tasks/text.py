"""Topic classification of synthetic sentences, with a model whose gradients are all sparse."""

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workers.tasks.classification import metrics_of

TOPICS = 4
VOCABULARY = 1000
TOPIC_WORDS = 25
TOPIC_SHARE = 0.1
SENTENCE = 20
TRAIN, VAL = 2000, 500

Sentences = dict[str, Tensor]


@cache
def sentences() -> tuple[Sentences, Sentences]:
    """Training and validation sentences, always the same: tokens [N, 20] and label [N].

    No language, only its statistics: each word is drawn independently, with probability 0.1 from the 25 words
    of the sentence's topic, else from the whole vocabulary of 1,000 by Zipf's law (the k-th word about 1/k
    as often as the first). Topic words are spread over all ranks.
    """
    generator = torch.Generator().manual_seed(0)
    zipf = 1 / torch.arange(1, VOCABULARY + 1)
    background = zipf / zipf.sum()
    words = torch.randperm(VOCABULARY, generator=generator)[: TOPICS * TOPIC_WORDS].view(TOPICS, TOPIC_WORDS)
    topical = torch.zeros(TOPICS, VOCABULARY).scatter_(1, words, 1 / TOPIC_WORDS)
    chances = TOPIC_SHARE * topical + (1 - TOPIC_SHARE) * background

    label = torch.randint(TOPICS, (TRAIN + VAL,), generator=generator)
    tokens = torch.multinomial(chances[label], SENTENCE, replacement=True, generator=generator)
    return (
        {"tokens": tokens[:TRAIN], "label": label[:TRAIN]},
        {"tokens": tokens[TRAIN:], "label": label[TRAIN:]},
    )


class Text:
    """A linear bag-of-words classifier: one `EmbeddingBag(sparse=True)` gives each word a score per topic.

    Its only parameter is the embedding, so that SparseAdam, which takes nothing but sparse gradients, trains
    it as SGD and Adagrad do. Optimizers that need dense gradients refuse it.
    """

    def __init__(self, batch_size: int = 64):
        self.batch_size = batch_size

    def model(self) -> nn.Module:
        """A fresh classifier, tokens [B, 20] to scores [B, 4]."""
        # Scores are summed and start small: with torch's own start, or averaged, SGD would need LRs above 10.
        bag = nn.EmbeddingBag(VOCABULARY, TOPICS, mode="sum", sparse=True)
        nn.init.normal_(bag.weight, std=0.05)
        return bag

    def data(self) -> tuple[Sentences, Sentences]:
        """Tokens [N, 20] and label [N]."""
        return sentences()

    def loss(self, model: nn.Module, batch: Sentences) -> Tensor:
        """The mean cross-entropy."""
        return F.cross_entropy(model(batch["tokens"]), batch["label"])

    def metrics(self, model: nn.Module, batch: Sentences) -> dict[str, Tensor]:
        """The loss and the accuracy."""
        return metrics_of(model(batch["tokens"]), batch["label"])
