"""Questions to runs (`QuestionStore`), and what turns and retries do to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from continuum.codec.opening import shown_payload
from continuum.journal.questions import QUESTION, encode_question
from continuum.journal.turn import Answer
from continuum.store.memory.recording import record
from continuum.store.memory.tables import QuestionRow, RunRow, Tables
from continuum.store.protocol import NewMessage
from continuum.store.questions import AskOutcome, NewQuestion, QuestionKey, Reply, reply_of


class MemoryQuestions:
    """What askers need."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def ask(self, question: NewQuestion) -> AskOutcome:
        """See `QuestionStore`."""
        tables, run_id = self._tables, question.run_id
        row = tables.runs.get(run_id)
        if row is None or question.namespace not in (None, row.namespace):
            return AskOutcome(None)
        known = row.questions.get(question.question_id)
        if known is not None:
            record(tables, question.act, "repeated", run_id=run_id, **question.detail)
            return AskOutcome(row.state, known=known.name)
        if run_id not in tables.leases:
            return AskOutcome(row.state)
        record(tables, question.act, "asked", run_id=run_id, **question.detail)
        row.questions[question.question_id] = QuestionRow(question.name)
        payload = encode_question(question.question_id, question.value)
        posted = tables.deliver(NewMessage(run_id, QUESTION, question.name, payload))
        tables.changed()
        return AskOutcome(row.state, posted)

    async def replies(self, keys: Sequence[QuestionKey]) -> Mapping[QuestionKey, Reply | None]:
        """See `QuestionStore`."""
        found: dict[QuestionKey, Reply | None] = {}
        for run_id, question_id in keys:
            row = self._tables.runs.get(run_id)
            question = None if row is None else row.questions.get(question_id)
            if row is None or question is None:
                continue
            sealed = question.answer
            found[run_id, question_id] = reply_of(
                answered=question.answered,
                value=None if sealed is None else shown_payload(self._tables.codec, sealed),
                refusal=question.refused,
                state=row.state,
            )
        return found


def write_answers(tables: Tables, row: RunRow, answers: Sequence[Answer]) -> None:
    """What a turn says to those who asked; the first answer to a question counts."""
    for answer in answers:
        question = row.questions.get(answer.question)
        if question is not None and not question.answered:
            question.answered = True
            question.answer = None if answer.value is None else tables.codec.seal(answer.value)
            question.refused = answer.refusal


def forget_lost_questions(row: RunRow, known: Set[str]) -> None:
    """The run is tried again, and has never read these: whoever asked may ask again."""
    for question_id, question in list(row.questions.items()):
        if not question.answered and question_id not in known:
            del row.questions[question_id]
