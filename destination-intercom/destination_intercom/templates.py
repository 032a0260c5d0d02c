"""Templates: a property that is made of others, `{{ record.first_name }} {{ record.last_name }}`.

The language is Jinja2's, the library's own parser and compiler, cut down to expressions over `record`, the record's
data. What one may cost is bounded by how it is built, and by no timer: its length and its language (`template_syntax`),
filters and tests that are listed (`template_filters`), operators that refuse what would be too large
(`template_values`), names that reach members of the record and never Python's attributes, and nothing worked out while
compiling, for Jinja's constant folding runs what is refused here.

Each expression is compiled by itself and keeps its value's type. Pure; these modules alone import Jinja, and they are
imported only where a property is a template (`properties`). Know no configuration: where one stands, its caller says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, Final, TypeAlias

from jinja2 import UndefinedError, nodes
from jinja2.runtime import Context, new_context
from jinja2.sandbox import SandboxedEnvironment

from destination_intercom.paths import DOCUMENTS, PathReader
from destination_intercom.template_filters import TESTS, make_filters
from destination_intercom.template_syntax import RECORD, TOO_DEEP, find_paths, parse_template
from destination_intercom.template_values import (
    Nothing,
    assemble,
    check_size,
    concatenate,
    cut,
    is_in,
    is_nothing,
    keep_list,
    keep_object,
    negate,
    operate,
    read_member,
)
from destination_intercom.values import MISSING, to_text

SEPARATOR: Final = ", "
"""Between the members of a list that becomes a text."""

_Evaluate: TypeAlias = Callable[[Context], Any]

_CONCATENATE, _CUT, _IN, _LIST, _OBJECT = "_concatenate", "_cut", "_in", "_list", "_object"
"""What Jinja has a syntax for and we do ourselves: filters that no template can name, for it is checked before."""

_MEMBERSHIPS: Final = (["in"], ["notin"])
_RESULT: Final = "result"

_FAILURES: Final = (
    ArithmeticError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What the values of a record may lead to. A lack of memory is none of it."""


def compile_template(
    text: str,
    *,
    needs_all: bool = False,
    joins_lists: bool = True,
    on_failure: Callable[[], None] | None = None,
) -> PathReader:
    """Make the function that works a template out for a record's data; `MISSING` where it has no value, never null.

    With `needs_all` (identities and times) it has none as soon as one of its expressions has none, else only if all
    of them have none. `joins_lists` is for a list of scalars in the middle of a text: it is written as the texts of its
    members; no identity, name or time is made of one. `on_failure` is called where an expression cannot be worked out
    with a record's values (no time, a division by zero, a result too large), and the template has no value.

    Raises:
        ValueError: it is no template, or one that may not be; the message says what and where, for the user.
    """
    environment = _make_environment(needs_all=needs_all)
    parts = [part if isinstance(part, str) else _compile(environment, part) for part in parse_template(text)]
    joins = joins_lists and not needs_all
    work_out = _read_value(parts[0]) if len(parts) == 1 else _read_text(parts, needs_all=needs_all, joins_lists=joins)

    def read(data: dict[str, Any]) -> Any:
        DOCUMENTS.of(data)
        try:
            return work_out(new_context(environment, None, {}, {RECORD: data}, shared=True))
        except _FAILURES:
            if on_failure is not None:
                on_failure()
            return MISSING

    return read


def read_template_paths(text: str) -> tuple[str, ...]:
    """Tell the paths that a template reads (`user.email` for `record.user.email`), each once, in their order.

    Raises:
        ValueError: as for `compile_template`.
    """
    expressions = [part for part in parse_template(text) if not isinstance(part, str)]
    try:
        return tuple(dict.fromkeys(path for expression in expressions for path in find_paths(expression)))
    except RecursionError:
        raise ValueError(TOO_DEEP) from None


def _read_value(part: str | _Evaluate) -> _Evaluate:
    def work_out(context: Context) -> Any:
        value = part if isinstance(part, str) else part(context)
        return MISSING if is_nothing(value) else value

    return work_out


def _read_text(parts: Sequence[str | _Evaluate], *, needs_all: bool, joins_lists: bool) -> _Evaluate:
    def work_out(context: Context) -> Any:
        pieces: list[str | None] = []
        has_value = False
        for part in parts:
            piece = part if isinstance(part, str) else _write(part(context), joins_lists=joins_lists)
            if piece is None and needs_all:
                return MISSING
            has_value = has_value or not (piece is None or isinstance(part, str))
            pieces.append(piece)
        return assemble(pieces) if has_value else MISSING

    return work_out


def _write(value: Any, *, joins_lists: bool) -> str | None:
    if is_nothing(value):
        return None
    if not isinstance(value, list) or not joins_lists:
        return to_text(value)
    texts = [to_text(member) for member in value if not is_nothing(member)]
    check_size(sum(map(len, texts)) + len(SEPARATOR) * len(texts))
    return SEPARATOR.join(texts) or None


class _Environment(SandboxedEnvironment):
    """Jinja's sandbox without its globals, in which all that makes something is ours."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})
    intercepted_unops = frozenset({"+", "-"})

    def __init__(self, *, needs_all: bool) -> None:
        super().__init__(undefined=Nothing, optimized=False, autoescape=False, cache_size=0)
        self.globals.clear()
        self.tests = dict(TESTS)
        self.filters = {
            **make_filters(needs_all=needs_all),
            _CONCATENATE: partial(concatenate, needs_all=needs_all),
            _CUT: cut,
            _IN: is_in,
            _LIST: keep_list,
            _OBJECT: keep_object,
        }

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Read a member of the record's; never an attribute."""
        return read_member(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Read a member of the record's; never an attribute."""
        return read_member(obj, argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002 - Jinja's signature
        """Apply an operator to two values."""
        return operate(operator, left, right)

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:  # noqa: ARG002 - Jinja's signature
        """Apply a sign to a value."""
        return negate(operator, arg)


@cache
def _make_environment(*, needs_all: bool) -> _Environment:
    return _Environment(needs_all=needs_all)


def _compile(environment: _Environment, expression: nodes.Expr) -> _Evaluate:
    """Compile one expression as `Environment.compile_expression` does, which knows sources only."""
    try:
        assignment = nodes.Assign(nodes.Name(_RESULT, "store"), _rewrite(expression), lineno=1)
        template = environment.from_string(nodes.Template([assignment], lineno=1))
    except (RecursionError, SyntaxError, MemoryError):  # the last two are how Python's own parser says so
        raise ValueError(TOO_DEEP) from None
    run = template.root_render_func

    def evaluate(context: Context) -> Any:
        try:
            next(run(context), None)
        except UndefinedError:  # something was compared with nothing
            return None
        return context.vars[_RESULT]

    return evaluate


def _rewrite(node: Any) -> Any:
    """Let filters of ours do, in an expression, what Jinja's generated code would do itself."""
    for name, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            setattr(node, name, _rewrite(value))
        elif isinstance(value, list):
            value[:] = [_rewrite(member) if isinstance(member, nodes.Node) else member for member in value]
    if isinstance(node, nodes.Concat):
        literal = tuple(place for place, operand in enumerate(node.nodes) if isinstance(operand, nodes.Const))
        return _filter(_CONCATENATE, nodes.List(node.nodes), nodes.Const(literal))
    if isinstance(node, nodes.Compare) and [operand.op for operand in node.ops] in _MEMBERSHIPS:
        found = _filter(_IN, node.expr, node.ops[0].expr)
        return found if node.ops[0].op == "in" else nodes.Not(found)
    if isinstance(node, (nodes.List, nodes.Tuple)):
        return _filter(_LIST, nodes.List(node.items))
    if isinstance(node, nodes.Dict):
        return _filter(_OBJECT, node)
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
        bounds = (node.arg.start, node.arg.stop, node.arg.step)
        return _filter(_CUT, node.node, *(nodes.Const(None) if bound is None else bound for bound in bounds))
    if isinstance(node, nodes.CondExpr) and node.expr2 is None:
        node.expr2 = nodes.Const(None)
    return node


def _filter(name: str, subject: nodes.Expr, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(subject, name, list(args), [], None, None)
