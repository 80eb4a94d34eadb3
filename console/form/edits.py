"""What can be done to a form: a form in, another out. A path that leads nowhere is a `KeyError`."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from console.form.rows import (
    LISTS,
    ORDER,
    WITHOUT_VALUE,
    Form,
    Group,
    Joint,
    Node,
    OrderRow,
    Path,
    Row,
    filled,
    opposite,
)
from continuum.query.tree import Not, Operand

_TURNED: Final = {
    Joint.ALL: Joint.ANY,
    Joint.ANY: Joint.ALL,
    Joint.NONE: Joint.NOT_ALL,
    Joint.NOT_ALL: Joint.NONE,
}
_NEGATED: Final = {
    Joint.ALL: Joint.NOT_ALL,
    Joint.NOT_ALL: Joint.ALL,
    Joint.ANY: Joint.NONE,
    Joint.NONE: Joint.ANY,
}


def at(form: Form, path: Path) -> Node:
    """The row or group at a path."""
    node: Node = form.root
    for number in path:
        if not isinstance(node, Group) or not 0 <= number < len(node.parts):
            raise KeyError(path)
        node = node.parts[number]
    return node


def put(form: Form, path: Path, node: Node) -> Form:
    """The form with another row or group at a path; a row at the top gets a group around it."""
    root = _put(form.root, path, node)
    return replace(form, root=root if isinstance(root, Group) else Group(Joint.ALL, (root,)))


def _put(inside: Node, path: Path, node: Node) -> Node:
    if not path:
        return node
    if not isinstance(inside, Group) or not 0 <= path[0] < len(inside.parts):
        raise KeyError(path)
    number, parts = path[0], inside.parts
    changed = _put(parts[number], path[1:], node)
    return replace(inside, parts=(*parts[:number], changed, *parts[number + 1 :]))


def added(form: Form, path: Path, node: Node) -> tuple[Form, Path]:
    """One more: behind a row, or at the end of a group. Says where it is now."""
    found = None if path == ORDER else at(form, path)
    if found is None or isinstance(found, Group):
        path = () if found is None else path
        group = at(form, path)
        assert isinstance(group, Group)
        return (
            put(form, path, replace(group, parts=(*group.parts, node))),
            (*path, len(group.parts)),
        )
    group, number = at(form, path[:-1]), path[-1] + 1
    assert isinstance(group, Group)
    parts = (*group.parts[:number], node, *group.parts[number:])
    return put(form, path[:-1], replace(group, parts=parts)), (*path[:-1], number)


def group_for(form: Form, path: Path) -> Group:
    """A group that makes a difference where it is added, with one row to fill."""
    around = form.root
    for end in range(len(path) if path != ORDER else 0, -1, -1):
        found = at(form, path[:end])
        if isinstance(found, Group):
            around = found
            break
    inside = Joint.ANY if around.joint in (Joint.ALL, Joint.NOT_ALL) else Joint.ALL
    return Group(inside, (Row(),))


def removed(form: Form, path: Path) -> Form:
    """Without it; a group that has nothing else goes, too. At the top everything goes."""
    if path == ORDER:
        return replace(form, order=None)
    if not path:
        return replace(form, root=Group(Joint.ALL))
    around, number = at(form, path[:-1]), path[-1]
    at(form, path)
    assert isinstance(around, Group)
    parts = (*around.parts[:number], *around.parts[number + 1 :])
    if not parts:
        return removed(form, path[:-1])
    return put(form, path[:-1], replace(around, parts=parts))


def negated(form: Form, path: Path) -> Form:
    """With the opposite of it; the order turns round."""
    if path == ORDER:
        return form if form.order is None else turned(form, path)
    node = at(form, path)
    if isinstance(node, Group):
        return put(form, path, replace(node, joint=_NEGATED[node.joint]))
    means = node.condition
    if means is not None:
        means = means.part if isinstance(means, Not) else Not(means)
    return put(form, path, replace(node, sign=opposite(node.sign), condition=means))


def turned(form: Form, path: Path) -> Form:
    """`all` for `any` in the group, or in that around the row; the order turns round."""
    if path == ORDER:
        order = form.order or OrderRow()
        return replace(form, order=replace(order, descending=not order.descending))
    node = at(form, path)
    if not isinstance(node, Group):
        path = path[:-1]
        node = at(form, path)
    assert isinstance(node, Group)
    return joined(form, path, _TURNED[node.joint])


def joined(form: Form, path: Path, joint: Joint) -> Form:
    """The group counts its parts so."""
    node = at(form, path)
    if not isinstance(node, Group):
        raise KeyError(path)
    return put(form, path, replace(node, joint=joint))


def with_operand(form: Form, path: Path, operand: Operand, allowed: tuple[str, ...]) -> Form:
    """Another field; an operator that is none of those allowed for it goes, a value stays."""
    if path == ORDER:
        return replace(form, order=replace(form.order or OrderRow(), operand=operand))
    row = _row(form, path)
    sign = row.sign if row.sign in allowed else ""
    return put(form, path, filled(replace(row, operand=operand, sign=sign)))


def with_sign(form: Form, path: Path, sign: str) -> Form:
    """Another operator; a value that it does not take goes."""
    row = _row(form, path)
    keeps = sign not in WITHOUT_VALUE
    value = row.value if keeps and row.sign not in WITHOUT_VALUE else ""
    changed = filled(replace(row, sign=sign, value=value))
    if changed.condition is None and row.sign in LISTS and sign not in LISTS:
        changed = replace(changed, value="")  # a list of several is no single value
    return put(form, path, changed)


def with_value(form: Form, path: Path, value: str) -> Form:
    """Another value."""
    return put(form, path, filled(replace(_row(form, path), value=value)))


def _row(form: Form, path: Path) -> Row:
    node = at(form, path)
    if not isinstance(node, Row):
        raise KeyError(path)
    return node
