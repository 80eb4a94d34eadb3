"""The shop of the on-call tasks as it was before the deploy."""

from __future__ import annotations

from continuum import activity, wait_signal, workflow


@activity(name="pay_back")
async def pay_back(number: int) -> str:
    """Give money back."""
    return f"paid back {number}"


@workflow(name="shop:refund")
async def refund(number: int) -> str:
    """Waits for an approval; the ledger is not written yet."""
    await wait_signal("approval")
    return await pay_back(number)


@workflow(name="shop:invoice")
async def invoice(number: int) -> str:
    """Fails for a customer who cannot be found."""
    raise LookupError(f"no customer {number}")


ALL = (refund, invoice)
