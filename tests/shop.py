"""The order desk's reference solutions as somebody at the screen plays them, by the accessibility tree."""

from agent_factory.contracts import Message, ToolCall
from agent_factory.environment.reference import say, to_result
from tests.browser import find_ref

SEARCHES = {
    "find_customer": ("E-mail address", "email"),
    "search_catalogue": ("Name of the goods", "query"),
    "get_order": ("Order number", "order_id"),
    "get_shipment": ("Order number", "order_id"),
}
ACTIONS = {"cancel_order": "Cancel order", "refund_order": "Refund order"}
FORMS = {"change_address": ("New address", "address"), "exchange_item": ("Item number of the new goods", "item_id")}


class BrowserReference:
    """Plays a scenario's reference calls as somebody at the screen does."""

    def __init__(self, scenario):
        self._solution, self._moves, self._asked = scenario.solution, None, 0

    async def chat(self, request, *, deadline_seconds):
        said = sum(message.role == "user" for message in request.messages)
        if self._solution.asks is not None and said == 1:
            return say(self._solution.asks)
        if self._moves is None:
            self._moves = self._play()
            return self._call(next(self._moves))
        try:
            return self._call(self._moves.send(request.messages[-1].content))
        except StopIteration:
            return say(self._solution.answer)

    async def close(self):
        pass

    def _call(self, move):
        name, arguments = move
        self._asked += 1
        call = ToolCall(id=f"c{self._asked}", name=f"browser_{name}", arguments=arguments)
        return to_result(Message(role="assistant", tool_calls=(call,)))

    def _play(self):
        tree = yield "snapshot", {}
        for call in self._solution.calls:
            if call.name in SEARCHES:
                tree = yield from self._search(tree, call.name, call.arguments)
                continue
            order = call.arguments["order_id"]
            if f'heading "Order {order}"' not in tree or 'button "Cancel order"' not in tree:
                tree = yield from self._search(tree, "get_order", {"order_id": order})
            if call.name in ACTIONS:
                tree = yield "click", {"ref": find_ref(tree, f'button "{ACTIONS[call.name]}"')}
            elif call.name in FORMS:
                label, field = FORMS[call.name]
                text = {"ref": find_ref(tree, f'textbox "{label}"'), "text": call.arguments[field]}
                tree = yield "type", {**text, "submit": True}
            else:
                values = [call.arguments["reason"]]
                tree = yield "select_option", {"ref": find_ref(tree, 'combobox "Reason"'), "values": values}
                tree = yield "click", {"ref": find_ref(tree, 'button "Hand over')}

    def _search(self, tree, name, arguments):
        if 'heading "Search"' not in tree:
            tree = yield "click", {"ref": find_ref(tree, 'link "Order desk"')}
        label, field = SEARCHES[name]
        return (yield "type", {"ref": find_ref(tree, f'textbox "{label}"'), "text": arguments[field], "submit": True})
