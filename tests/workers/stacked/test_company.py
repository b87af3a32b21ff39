"""A lane does not notice who else is in its slice: neighbours that break, leave or join in mid-training."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.workers.stacked.lanes import Params, given_gradients, lane_lrs, slices, stacked, start
from workers.stacked.rule import Array

STEPS = 20


def alone(name: str, params: Params, lrs: Array, first: Tensor, grads: Tensor) -> Tensor:
    """Where a lane ends by itself, [P]; LRs [T], first parameters [P], gradients [T, P]."""
    ours, param = stacked(name, [params], lrs[:1].tolist()), first[None].clone()
    ours.prepare(lrs[:, None])
    for grad in grads:
        ours.step(param, grad[None])
    return param[0]


@slices()
def test_neighbours_of_a_broken_lane_move_as_if_it_were_not_there(name: str, lanes: list[Params]) -> None:
    lanes = [lanes[0], lanes[-1], lanes[0]]
    lrs, first, grads = lane_lrs(name, 3, STEPS), start(3, torch.float32), given_gradients(STEPS, 3, torch.float32)
    grads[4:, 1] = torch.tensor([torch.nan, torch.inf, -torch.inf]).repeat(6)
    ours, param = stacked(name, lanes, lrs[0]), first.clone()
    ours.prepare(lrs)
    for grad in grads:
        ours.step(param, grad)
    for lane in (0, 2):
        assert torch.equal(param[lane], alone(name, lanes[lane], lrs[:, lane], first[lane], grads[:, lane]))
    assert name == "Rprop" or param[1].isnan().any()


@slices()
def test_lanes_that_leave_and_join_move_as_alone(name: str, lanes: list[Params]) -> None:
    """Lanes 0 to 2 start; at step 7 lane 3, after 3 steps elsewhere, and a new lane 4 join; at step 12 two leave."""
    lanes = [lanes[i % len(lanes)] for i in range(5)]
    began = [0, 0, 0, 4, 7]
    lrs, first, grads = lane_lrs(name, 5, STEPS), start(5, torch.float32), given_gradients(STEPS, 5, torch.float32)
    elsewhere, moved = stacked(name, lanes[3:4], lrs[0, 3:4]), first[3:4].clone()
    elsewhere.prepare(lrs[:, 3:4])
    for grad in grads[:3, 3:4]:
        elsewhere.step(moved, grad)
    ours, param, here = stacked(name, lanes[:3], lrs[0, :3]), first[:3].clone(), [0, 1, 2]
    for tick in range(STEPS):
        if tick == 7:
            ours.append(elsewhere)
            ours.append(stacked(name, lanes[4:], lrs[0, 4:]))
            param, here = torch.cat([param, moved, first[4:]]), [0, 1, 2, 3, 4]
        if tick == 12:
            ours.select([3, 4, 0])
            param, here = param[[3, 4, 0]], [3, 4, 0]
        if tick in (0, 5, 7, 12):
            # Longer than the lanes stay together.
            ours.prepare(np.stack([lrs[tick - began[lane] :][:8, lane] for lane in here], axis=1))
        ours.step(param, torch.stack([grads[tick - began[lane], lane] for lane in here]))
    assert len(ours) == 3
    for row, lane in enumerate(here):
        steps = STEPS - began[lane]
        assert torch.equal(param[row], alone(name, lanes[lane], lrs[:steps, lane], first[lane], grads[:steps, lane]))


def test_lanes_of_different_flags_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the lanes of a slice have the same flags, got .*make a slice of each"):
        stacked("SGD", [{}, {"momentum": 0.9}], [0.1, 0.1])
