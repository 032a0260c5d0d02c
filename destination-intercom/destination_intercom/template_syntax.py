"""The language of templates: what Jinja's parser reads, less all that is not listed here.

There are expressions over `record` and texts between them: no statements, no calls but filters, no other name. What is
refused is refused with the place and the way out, for it is read by whoever typed it. Pure; works nothing out.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.lexer import Lexer, TokenStream
from jinja2.parser import Parser

from destination_intercom.template_filters import CHECKS, FILTERS, SEARCHES, TESTS

LONGEST: Final = 1_000
"""Characters of a template."""

RECORD: Final = "record"
"""The only name in a template."""

TOO_DEEP: Final = "the template is nested too deeply"

_NODES: Final = (
    nodes.Add,
    nodes.And,
    nodes.Compare,
    nodes.Concat,
    nodes.CondExpr,
    nodes.Const,
    nodes.Dict,
    nodes.Div,
    nodes.Filter,
    nodes.FloorDiv,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Keyword,
    nodes.List,
    nodes.Mod,
    nodes.Mul,
    nodes.Name,
    nodes.Neg,
    nodes.Not,
    nodes.Operand,
    nodes.Or,
    nodes.Output,
    nodes.Pair,
    nodes.Pos,
    nodes.Slice,
    nodes.Sub,
    nodes.TemplateData,
    nodes.Test,
    nodes.Tuple,
)
"""The kinds of node that a template may consist of."""

_KINDS: Final[Mapping[type, str]] = {nodes.Pow: "the operator **"}
_STATEMENTS: Final = frozenset({"block_begin", "raw_begin"})
_LEXER_PLACE: Final = re.compile(r" at \d+\Z")
_NAMES_ANOTHER: Final = {"map": "name", "reject": "test", "rejectattr": "test", "select": "test", "selectattr": "test"}
"""Filters that apply another filter or a test to each member, and the argument that names it."""


def parse_template(text: str) -> list[str | nodes.Expr]:
    """Parse and check a template: texts and expressions, in their order. Blanks at its ends are no part of it.

    Raises:
        ValueError: it is none, or holds what it may not; the message is for the user.
    """
    if len(text) > LONGEST:
        raise ValueError(f"a template has at most {LONGEST:,} characters, and this one has {len(text):,}")
    source = text.strip().replace("\r\n", "\n").replace("\r", "\n")
    try:
        template = Parser(_Environment(), source).parse()
        for node in template.find_all(nodes.Node):
            _check(node)
    except TemplateSyntaxError as error:
        raise ValueError(_explain(source, error)) from None
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    parts = [part for output in template.find_all(nodes.Output) for part in output.nodes]
    if all(isinstance(part, nodes.TemplateData) for part in parts):
        raise ValueError("a template must contain an expression, such as {{ record.name }}")
    return [part.data if isinstance(part, nodes.TemplateData) else part for part in parts]


def find_paths(expression: nodes.Node) -> Iterator[str]:
    """Tell the paths that an expression reads: `user.email` for `record.user.email`, as often as it does."""
    steps = _read_steps(expression)
    if steps:
        yield ".".join(steps)
    else:
        for node in expression.iter_child_nodes():
            yield from find_paths(node)


def _read_steps(node: nodes.Node) -> list[str] | None:
    """Tell the names that lead from the record to a node; None if more than names does."""
    if isinstance(node, nodes.Name):
        return []
    if not isinstance(node, (nodes.Getattr, nodes.Getitem)) or (above := _read_steps(node.node)) is None:
        return None
    key = node.attr if isinstance(node, nodes.Getattr) else _read_constant(node.arg)
    return None if isinstance(key, bool) or not isinstance(key, (str, int)) else [*above, str(key)]


def _read_constant(node: nodes.Node) -> Any:
    return node.value if isinstance(node, nodes.Const) else None


class _Environment(Environment):
    """What the parser asks for: Jinja's syntax, and tokens that tell where they begin."""

    def __init__(self) -> None:
        super().__init__(cache_size=0)

    def _tokenize(
        self,
        source: str,
        name: str | None,
        filename: str | None = None,
        state: str | None = None,  # noqa: ARG002 - Jinja's signature
    ) -> TokenStream:
        return TokenStream(self.lexer.wrap(_place_tokens(self.lexer, source)), name, filename)


def _place_tokens(lexer: Lexer, source: str) -> Iterator[tuple[int, str, str]]:
    """Cut a template into tokens that tell, instead of their line, at which character they begin (from 1).

    What is built of them tells it too, and so does whatever is wrong with them.
    """
    at = 0
    try:
        for _, token, value in lexer.tokeniter(source, None):
            at = max(source.find(value, at), at)  # blanks that a `-` takes away are in no token
            _check_token(token, at)
            yield at + 1, token, value
            at += len(value)
    except TemplateSyntaxError as error:
        raise TemplateSyntaxError(_LEXER_PLACE.sub("", str(error.message)), at + 1) from None


def _check_token(token: str, at: int) -> None:
    if token in _STATEMENTS:
        raise TemplateSyntaxError("a template has no statements, only {{ expressions }}", at + 1)


def _explain(source: str, error: TemplateSyntaxError) -> str:
    begin, problem = error.lineno - 1, str(error.message).replace("'end of print statement'", "'}}'")
    return f"at character {error.lineno} of the template, {source[begin : begin + 20]!r}: {problem}"


def _refuse(node: nodes.Node, problem: str) -> TemplateSyntaxError:
    return TemplateSyntaxError(problem, node.lineno)


def _check(node: nodes.Node) -> None:
    """Refuse a node that a template may not hold."""
    if isinstance(node, nodes.Call):
        raise _refuse(node, _explain_call(node.node, node.args))
    if not isinstance(node, _NODES):
        raise _refuse(node, f"a template cannot contain {_KINDS.get(type(node), type(node).__name__)}")
    if isinstance(node, nodes.BinExpr) and _reckons_with_others(node):
        raise _refuse(node, f"the operator {node.operator} works only with numbers")
    if isinstance(node, nodes.Name) and node.name != RECORD:
        raise _refuse(node, f"there is no name {node.name}: write {RECORD}.{node.name}")
    if isinstance(node, nodes.Const) and isinstance(node.value, float) and not math.isfinite(node.value):
        raise _refuse(node, "this number is too large")
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Tuple):
        raise _refuse(node, "write one index or one slice in brackets")
    if isinstance(node, (nodes.Filter, nodes.Test)):
        _check_use(node)


def _reckons_with_others(node: nodes.BinExpr) -> bool:
    """Say whether an operator of numbers is given something that can be none, as in `'a' * 1000000000`."""
    if not isinstance(node, (nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod)):
        return False
    return any(_is_no_number(side) for side in (node.left, node.right))


def _is_no_number(node: nodes.Node) -> bool:
    return isinstance(node, (nodes.List, nodes.Tuple, nodes.Dict)) or isinstance(_read_constant(node), str)


def _explain_call(called: nodes.Node, args: Sequence[nodes.Expr]) -> str:
    if isinstance(called, nodes.Getattr):
        owner = _write(called.node)
        if called.attr == "get" and args and isinstance(args[0], nodes.Const):
            return f"calls are not allowed: write {owner}{_write_step(args[0].value)}"
        if called.attr in FILTERS:
            return f"calls are not allowed: write {owner} | {called.attr}"
    return f"calls are not allowed; use filters instead: {', '.join(sorted(FILTERS))}"


def _write(node: nodes.Node) -> str:
    """Write a property as it stands in the template; dots for anything else."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        return f"{_write(node.node)}.{node.attr}"
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return f"{_write(node.node)}{_write_step(node.arg.value)}"
    return "(...)"


def _write_step(key: Any) -> str:
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"


def _check_use(node: nodes.Filter | nodes.Test) -> None:
    """Refuse a filter or a test that is none, or that cannot take its arguments."""
    keywords = cast(list[nodes.Keyword], node.kwargs)  # which Jinja itself takes for pairs
    named = {keyword.key: keyword.value for keyword in keywords}
    if node.dyn_args is not None or node.dyn_kwargs is not None or len(named) < len(keywords):
        raise _refuse(node, "write each argument once, without * or **")
    kind, table = ("filter", FILTERS) if isinstance(node, nodes.Filter) else ("test", TESTS)
    try:
        _check_arguments(kind, table, node.name, node.args, named)
    except ValueError as error:
        raise _refuse(node, str(error)) from None


def _check_arguments(
    kind: str,
    table: Mapping[str, Callable[..., Any]],
    name: str,
    args: Sequence[nodes.Expr],
    named: Mapping[str, nodes.Expr],
) -> None:
    if name not in table:
        raise ValueError(f"there is no {kind} {name!r}; there are {', '.join(sorted(table))}")
    try:
        arguments = inspect.signature(table[name]).bind(None, *args, **named).arguments
    except TypeError as error:
        raise ValueError(f"the {kind} {name!r}: {error}") from None
    constants = {key: value.value for key, value in arguments.items() if isinstance(value, nodes.Const)}
    if name in CHECKS:
        CHECKS[name](**constants)
    if kind == "filter" and (other := _NAMES_ANOTHER.get(name)) is not None:
        _check_other(name, other, arguments, constants)


def _check_other(name: str, other: str, arguments: Mapping[str, Any], constants: Mapping[str, Any]) -> None:
    """Refuse what a filter cannot apply to each member of a list."""
    kind, table = ("filter", FILTERS) if other == "name" else ("test", TESTS)
    if other not in arguments:
        if kind == "filter" and "attribute" not in arguments.get("kwargs", {}):
            raise ValueError("the filter 'map': it needs the name of a filter, or an attribute")
        return
    wanted = constants.get(other)
    if not isinstance(wanted, str):
        raise ValueError(f"the filter {name!r}: the {kind}'s name stands in the template")  # noqa: TRY004 - as above
    if kind == "test" and wanted in SEARCHES:
        raise ValueError(f"the filter {name!r}: it cannot apply the test {wanted!r} to each member of a list")
    _check_arguments(kind, table, wanted, arguments.get("args", ()), arguments.get("kwargs", {}))
