"""JSON as lines of the protocol may hold it: any, with the protocol's own words among its keys."""

from hypothesis import strategies as st

KEYS = st.one_of(st.text(max_size=8), st.sampled_from(["state", "destinationStats", "type", "stream", "data", 'a"}{']))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**40), 10**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
)
WIRE_JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
