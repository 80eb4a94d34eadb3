"""Calls that ask a run something and wait for its answer."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar, overload
from uuid import UUID

from continuum.client.calls import Calls
from continuum.client.identifiers import check_timeout, find_run_id, optional_namespace
from continuum.errors import ResultTimeout
from continuum.system import new_run_id

T = TypeVar("T")


class Asking(Calls):
    """The part of `Continuum` that asks."""

    @overload
    async def ask(
        self,
        run_id: UUID | str,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,
        timeout: float | None = None,
        reason: str | None = None,
        namespace: str | None = None,
    ) -> Any: ...
    @overload
    async def ask(
        self,
        run_id: UUID | str,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,
        type: type[T],
        timeout: float | None = None,
        reason: str | None = None,
        namespace: str | None = None,
    ) -> T: ...
    @overload
    async def ask(
        self,
        run_id: UUID | str,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,
        type: Any = None,
        timeout: float | None = None,
        reason: str | None = None,
        namespace: str | None = None,
    ) -> Any: ...
    async def ask(
        self,
        run_id: UUID | str,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,  # noqa: A002
        type: Any = None,  # noqa: A002
        timeout: float | None = None,
        reason: str | None = None,
        namespace: str | None = None,
    ) -> Any:
        """Ask a run something and wait for the answer, which its code gives with `wait_question`.

        The question is durable before anybody waits for it, and so is the answer. Asking again
        with the same id asks nothing new: it waits for the same answer, or gets it, also when the
        run has ended since. Without an `id` one is made, and nobody else can wait for it.

        Args:
            run_id: of a live run.
            name: what `wait_question` waits for.
            payload: JSON types, dataclasses, datetimes and the like.
            id: of the question, unique within the run: 1 to 255 characters.
            type: what the answer is restored as; default JSON types.
            timeout: seconds to wait; None is for ever. The question stays.
            reason: why an operator asks. It is recorded in the operator journal then, as are all
                questions of a client that was opened with an `operator`.
            namespace: only a run of this namespace.

        Raises:
            QuestionRefused: the run refused it, with a reason.
            QuestionUnanswered: the run ended without an answer.
            ResultTimeout: there is no answer yet.
            RunNotFound, RunTerminal, PayloadError, ReasonRequired: nothing was asked.
            DefinitionError: plain JSON cannot restore `type`; nothing was asked.

        Example:
            answer = await ct.ask(run_id, "change_address", address, id=request_id, timeout=10)
        """
        from continuum.client.answers import answer_of, check_expected

        act = self._acting.named_act("ask", reason)
        within = optional_namespace(namespace)
        check_timeout(timeout)
        check_expected(type, name)
        found = await find_run_id(self._reads, run_id, within)
        key = found, str(new_run_id()) if id is None else id
        await self._controls.ask(key, name, payload, within, act)
        try:
            async with asyncio.timeout(timeout):
                reply = await self._backend.answers.wait(key)
        except TimeoutError:
            raise ResultTimeout(
                f"run {found} has not answered question {name} ({key[1]}) within {timeout:g} s",
                hint="it stays asked; ask again with this id to wait on",
            ) from None
        return answer_of(key, name, reply, type)
