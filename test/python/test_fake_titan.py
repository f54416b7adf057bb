"""A program's own tests, with the real client."""

import asyncio

import pytest
from conftest import DOCUMENT_TRADE, Server
from test_answers import mistakes

from execution import answers
from execution.execution_client import (
    ConnectionFailed,
    ExecutionClient,
    ExecutionManager,
    ModeMismatch,
    OutcomeUnknown,
    RetryPolicy,
    TradeSignal,
    is_settled,
)
from execution.fake_titan import FakeTitan, failed, filled, lost, pending

QUICK = RetryPolicy(attempts=2, pause=0.01)


async def test_answers_as_it_is_told_to_in_the_servers_shapes() -> None:
    async with FakeTitan() as titan, titan.manager(retry=QUICK) as manager:
        titan.script += [
            failed("UNPROFITABLE", "Not today."),
            failed("OVERLOADED"),
            filled(26_982_458, net_profit_usd=25.8),
        ]
        unprofitable = await manager.submit_trade(**DOCUMENT_TRADE)
        assert (unprofitable["success"], unprofitable["code"], unprofitable["error"]) == (
            False,
            "UNPROFITABLE",
            "Not today.",
        )
        made = await manager.submit_trade(**DOCUMENT_TRADE)  # after it was busy once
        assert made["success"] is True and made["net_profit_usd"] == 25.8
        assert made["simulation"] is not None and made["simulation"]["profit"] == "26982458"
        assert (await manager.submit_trade(**DOCUMENT_TRADE))["success"] is True  # the script is over
        titan.script += [failed("PAUSED")] * 2
        refused = await manager.submit_trade(**DOCUMENT_TRADE)
        assert (refused["code"], refused["status"]) == ("PAUSED", 503)
        assert [signal["amount"] for signal in titan.signals] == ["1000000000"] * 3
        for answer in (unprofitable, made, refused, await manager.submit_trade(**{**DOCUMENT_TRADE, "chain_id": 7})):
            assert mistakes(answer, answers.TradeAnswer) == []
        assert mistakes(await manager.simulate_trade(**DOCUMENT_TRADE), answers.SimulationAnswer) == []
        assert mistakes(await manager.submit_batch([DOCUMENT_TRADE] * 2), answers.BatchAnswer) == []
        assert mistakes(await manager.get_trade(made["signal_id"]), answers.TradeRecord) == []
        assert mistakes(await manager.get_health(verbose=True), answers.Health) == []
        stats = await manager.get_statistics()
    assert mistakes(stats, answers.Statistics) == []
    assert (stats["recorded"], stats["paper_executed"], stats["failed"]) == (5, 4, 1)
    with pytest.raises(KeyError):
        failed("NO_SUCH_CODE")


async def test_has_the_fields_of_the_server_and_no_others(server: Server) -> None:
    async with FakeTitan() as titan, titan.manager() as fake, ExecutionManager(port=server.port) as real:
        titan.script += [filled(), failed("UNPROFITABLE")]
        told: list[list[set[str]]] = []
        for manager in (fake, real):
            made = await manager.submit_trade(**DOCUMENT_TRADE)
            unprofitable = await manager.submit_trade(**{**DOCUMENT_TRADE, "min_profit": 10**12})
            refused = await manager.submit_trade(**{**DOCUMENT_TRADE, "chain_id": 999_999})
            assert (unprofitable["code"], refused["code"]) == ("UNPROFITABLE", "UNKNOWN_CHAIN")
            record = await manager.resolve(made["signal_id"])
            assert record is not None
            event = await anext(manager.events(from_seq=record["seq"]))
            health = await manager.get_health(verbose=True)
            signals = (made, unprofitable, refused, await manager.simulate_trade(**DOCUMENT_TRADE))
            others = (record, event, health, health["chain_status"][0], await manager.get_statistics())
            told.append([set(each) for each in (*signals, *others, made["simulation"] or (), record["signal"])])
    assert told[0] == told[1]


async def test_an_id_is_executed_once(server: Server) -> None:
    """As by the server, which is asked the same."""
    async with FakeTitan() as titan, titan.manager() as fake, ExecutionManager(port=server.port) as real:
        for manager in (fake, real):
            signal = TradeSignal(**DOCUMENT_TRADE)
            first, again = [(await manager.submit_batch([signal]))["results"][0] for _ in range(2)]
            assert first == again and first["success"] is True
            other = await manager.submit_trade(**{**DOCUMENT_TRADE, "amount": 7}, signal_id=signal.signal_id)
            assert (other["code"], other["status"]) == ("SIGNAL_ID_CONFLICT", 422)
            same = await manager.submit_trade(**{**DOCUMENT_TRADE, "expected_profit": 7}, signal_id=signal.signal_id)
            assert same["success"] is True
            port = titan.port if manager is fake else server.port
            async with ExecutionClient("127.0.0.1", port, mode="LIVE") as live:
                with pytest.raises(ModeMismatch):
                    await live.execute(TradeSignal(**DOCUMENT_TRADE))
        assert len(titan.signals) == 1


async def test_loses_answers() -> None:
    async with FakeTitan() as titan, titan.manager(retry=QUICK) as manager:
        titan.script += [lost()]
        assert (await manager.submit_trade(**DOCUMENT_TRADE))["success"] is True
        titan.script += [lost(failed("UNPROFITABLE"))]
        async with titan.manager(retry=RetryPolicy(attempts=1)) as hasty:
            with pytest.raises(OutcomeUnknown) as caught:
                await hasty.submit_trade(**DOCUMENT_TRADE)
            record = await hasty.resolve(caught.value.signal_id)
        assert record is not None and record["code"] == "UNPROFITABLE"
        assert len(titan.signals) == 2
        assert await manager.resolve("never", timeout=0.1) is None


async def test_live_trades_are_on_their_way_until_they_are_settled() -> None:
    async with FakeTitan("LIVE") as titan, titan.manager() as manager:
        titan.script += [pending()]
        result = await manager.submit_trade(**DOCUMENT_TRADE)
        assert (result["status"], result["code"]) == ("pending", "NOT_SETTLED") and not is_settled(result)
        assert mistakes(result, answers.TradeAnswer) == []
        titan.settle(result["signal_id"], failed("REVERTED"))
        record = await manager.resolve(result["signal_id"])
        assert record is not None and (record["status"], record["code"]) == ("reverted", "REVERTED")
        again = await manager.submit_trade(**DOCUMENT_TRADE, signal_id=result["signal_id"])
        assert (again["status"], again["code"]) == ("reverted", "REVERTED") and len(titan.signals) == 1
        assert (await manager.simulate_trade(**{**DOCUMENT_TRADE, "chain_id": 77}))["code"] == "UNKNOWN_CHAIN"
        stream = manager.events(from_seq=1, updates=True)
        seen = [await anext(stream), await anext(stream)]
        assert [each["type"] for each in seen] == ["execution_update", "live_execution"]
        assert [mistakes(each, answers.Event) for each in (*seen, record)] == [[]] * 3
        assert (await anext(manager.events(from_seq=1)))["type"] == "live_execution"


async def test_goes_away_and_comes_back() -> None:
    async with FakeTitan() as titan, titan.manager(retry=RetryPolicy(attempts=1)) as manager:
        events = manager.events()
        first = asyncio.create_task(anext(events))
        while not (await manager.get_statistics())["connected_clients"]:
            await asyncio.sleep(0.01)
        one = await manager.submit_trade(**DOCUMENT_TRADE)
        await titan.stop()
        with pytest.raises(ConnectionFailed):
            await manager.submit_trade(**DOCUMENT_TRADE)
        await titan.start()
        two = await manager.submit_trade(**DOCUMENT_TRADE)
        seen = [await first, await asyncio.wait_for(anext(events), 20)]
    told = [event["signal_id"] for event in seen if event["type"] == "paper_execution"]
    assert told == [one["signal_id"], two["signal_id"]]
