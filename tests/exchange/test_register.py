from msgspec.structs import replace

from finalex.exchange.order import Order
from finalex.exchange.register import OUTCOMES_MAX, OrderRegister
from finalex.model.orders import OrderStatus, OrderType, Side, TimeInForce


def order(number: int, status: OrderStatus = OrderStatus.NEW, *, named: bool = True) -> Order:
    return Order(
        number=number,
        user="ann",
        symbol="BTC/USDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        post_only=False,
        price=1,
        quantity=1,
        client_order_id=f"c{number}" if named else None,
        status=status,
        created_ms=1,
        updated_ms=1,
    )


def known(register: OrderRegister, client_order_id: str) -> Order | None:
    orders = register.of("ann")
    assert orders is not None
    return orders.by_client_id(client_order_id)


def test_an_open_order_is_found_by_both_its_ids_in_its_latest_version() -> None:
    register = OrderRegister()
    register.put(order(1))
    newer = replace(order(1), status=OrderStatus.PARTIALLY_FILLED)
    register.put(newer)
    assert register[1] is register.get(1) is known(register, "c1") is newer


def test_an_ended_order_is_found_by_its_client_order_id_alone() -> None:
    register = OrderRegister()
    register.put(order(1))
    ended = order(1, OrderStatus.FILLED)
    register.put(ended)
    assert register.get(1) is None
    assert known(register, "c1") is ended


def test_an_ended_order_without_a_client_order_id_is_forgotten() -> None:
    register = OrderRegister()
    empty = register.canonical()
    register.put(order(1, named=False))
    assert register.canonical() != empty
    register.put(order(1, OrderStatus.CANCELED, named=False))
    assert register.canonical() == empty


def test_the_outcome_that_is_oldest_is_forgotten_first() -> None:
    register = OrderRegister()
    for number in range(OUTCOMES_MAX + 1):
        register.put(order(number, OrderStatus.REJECTED))
    assert known(register, "c0") is None
    assert known(register, "c1") is not None
    assert known(register, f"c{OUTCOMES_MAX}") is not None


def test_an_open_order_is_never_forgotten() -> None:
    register = OrderRegister()
    register.put(order(0))
    for number in range(1, OUTCOMES_MAX + 2):
        register.put(order(number, OrderStatus.REJECTED))
    assert known(register, "c0") == order(0)
    assert known(register, "c1") is None
    register.put(order(0, OrderStatus.CANCELED))
    assert known(register, "c0") == order(0, OrderStatus.CANCELED)
    assert known(register, "c2") is None


def test_somebody_who_never_ordered_is_not_known() -> None:
    assert OrderRegister().of("ann") is None
