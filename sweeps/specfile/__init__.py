"""The spec file: YAML to a raw mapping, a raw mapping to a validated sweep, with all mistakes reported together.

In the order in which a spec passes through: `yamlfile` (text), `node` (a place and its mistakes), `settings` and
`scalars` (plain sections), `domain`, `entry`, `nested`, `menu`, `groups` and `starts` (what is searched), `draft`,
`checks` and `timing` (between sections), `parse`.
Readers are written out and not left to pydantic: a value's bounds come from the catalogue's rows, and a section
with a mistake must still be compared with the others.
"""

from sweeps.specfile.grid import grid_size
from sweeps.specfile.parse import known_spec, parse_spec
from sweeps.specfile.yamlfile import apply_override, read_spec, read_value, read_yaml

__all__ = ["apply_override", "grid_size", "known_spec", "parse_spec", "read_spec", "read_value", "read_yaml"]
