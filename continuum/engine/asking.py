"""How workflow code is asked: `continuum.wait_question`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from inspect import iscoroutinefunction
from typing import Any, TypeVar, overload

from continuum.codec.attributes import check_name
from continuum.codec.payloads import payload_codec
from continuum.declare.activity import Activity
from continuum.declare.functions import misplaced
from continuum.declare.workflow import Workflow
from continuum.engine.context import context_of
from continuum.engine.durations import seconds_of
from continuum.engine.questions import Question

T = TypeVar("T")


@overload
def wait_question(
    name: str,
    *,
    timeout: timedelta | float | None = None,
    check: Callable[[Any], object] | None = None,
) -> Coroutine[Any, Any, Question[Any]]: ...
@overload
def wait_question(
    name: str,
    *,
    timeout: timedelta | float | None = None,
    type: type[T],
    check: Callable[[T], object] | None = None,
) -> Coroutine[Any, Any, Question[T]]: ...
@overload
def wait_question(
    name: str,
    *,
    timeout: timedelta | float | None = None,
    type: Any = None,
    check: Callable[[Any], object] | None = None,
) -> Coroutine[Any, Any, Question[Any]]: ...
def wait_question(
    name: str,
    *,
    timeout: timedelta | float | None = None,
    type: Any = None,  # noqa: A002
    check: Callable[[Any], object] | None = None,
) -> Coroutine[Any, Any, Question[Any]]:
    """The next question of this name, in the order in which they were asked with `Continuum.ask`.

    Whoever asked waits until the code has called `answer` or `refuse` of what this gives. A
    question that arrived earlier is taken at once. One whose payload does not fit is refused, with
    the reason, without the code hearing of it, and the wait goes on.

    Args:
        name: of the question.
        timeout: a timedelta or seconds; None waits for ever, zero only looks.
        type: what the payload is restored as; default JSON types.
        check: a plain function of the restored payload. It raises ValueError for what it refuses;
            the text is the reason. It only looks: it changes nothing, and calls nothing of
            `continuum`. One that raises anything else refuses, too.

    Raises:
        TimeoutError: (the builtin) no question that fits came in time.
        PayloadError: the name is none.
        DefinitionError: plain JSON cannot restore `type`, `timeout` is no duration, or `check` no
            plain function.
        NonDeterminismError: `check` did real I/O, or called the workflow's own functions.
        NotInWorkflow: outside a workflow.

    Example:
        question = await continuum.wait_question("change_address", type=Address)
        order.address = question.value
        question.answer({"changed": True})
    """
    run = context_of("wait_question")
    check_name(name, "question name")
    seconds = None if timeout is None else seconds_of(timeout, "wait_question(timeout=)")
    if check is not None and (
        not callable(check) or isinstance(check, Activity | Workflow) or iscoroutinefunction(check)
    ):
        raise misplaced(
            f"wait_question(check=) takes a plain function, not {check!r:.80}",
            "what awaits belongs behind the wait; refuse the question there",
        )
    codec = payload_codec(Any if type is None else type, "question payload")
    return run.wait_question(name, seconds, codec, check)
