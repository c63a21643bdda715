"""Episodes in a real Chromium: what an agent is told of a page, and that nothing leaves the episode."""

import asyncio
import json
import os
import signal

import httpx
import psutil
import pytest

from agent_factory.core.error import InputError, ToolError
from tests.browser import ORIGIN, PageSite, find_chromium, find_ref, open_site

pytestmark = pytest.mark.live


@pytest.fixture(scope="module", autouse=True)
def chromium():
    find_chromium()


def children():
    every = psutil.Process().children(recursive=True)
    return {process.pid for process in every if process.status() != psutil.STATUS_ZOMBIE}


def status(result):
    return 200 if result.ok else json.loads(result.message.content)["status"]


async def wait_forever(request):
    await asyncio.Event().wait()


async def test_an_unchanged_page_looks_the_same_twice_and_a_picture_is_taken():
    async with open_site() as visit:
        page = await visit(PageSite(index="<title>T</title><h1>Hi</h1><button>Go</button>"))
        first, second = await page("snapshot"), await page("snapshot")

    assert first.message.content == second.message.content
    assert first.message.content.startswith("url: https://site.test/\ntitle: T\ntree:\n")
    assert find_ref(first.message.content, 'button "Go"').startswith("e")
    assert first.screenshot.startswith(b"\x89PNG")


async def test_episodes_share_neither_cookies_nor_storage():
    site = """<button onclick="localStorage.a=1;document.cookie='a=1';r.textContent=localStorage.a+document.cookie">
      Keep</button><button onclick="r.textContent=localStorage.a+document.cookie">Tell</button><p id=r></p>"""
    async with open_site() as visit:
        one, other = await visit(PageSite(index=site)), await visit(PageSite(index=site))
        kept, told = (await one.click("Keep")).message.content, (await other.click("Tell")).message.content

    assert "1a=1" in kept
    assert "undefined" in told
    assert "a=1" not in told


async def test_what_is_outside_the_site_is_blocked_and_told():
    page = """<img src="https://elsewhere.test/p.png"><a href="https://elsewhere.test/">Leave</a><a href="/off">Off</a>
      <button onclick="fetch('http://127.0.0.1:1/x').catch(()=>{})">Fetch</button>
      <button onclick="new WebSocket('ws://elsewhere.test/s')">Socket</button>
      <button onclick="location='file:///etc/passwd'">File</button>"""
    site = PageSite(index=page, off=httpx.Response(302, headers={"location": "https://elsewhere.test/in"}))
    async with open_site() as visit:
        at = await visit(site)
        assert "note: blocked: GET https://elsewhere.test/p.png is outside" in await at.see()
        for label, told in (
            ("Leave", "blocked: GET https://elsewhere.test/ "),
            ("Fetch", "blocked: GET http://127.0.0.1:1/x "),
            ("Socket", "blocked: WebSocket ws://elsewhere.test/s"),
            ("Off", "blocked: redirect to https://elsewhere.test/in"),
        ):
            assert told in (await at.click(label)).message.content
        await at.click("File")
        for url in ("file:///etc/passwd", "data:text/html,x", "https://elsewhere.test/", "chrome://version"):
            assert status(await at("navigate", url=url)) == 403
        assert "url: https://site.test/\n" in await at.see()

    assert {url.partition("?")[0] for url in site.asked} <= {f"{ORIGIN}/", f"{ORIGIN}/off", f"{ORIGIN}/favicon.ico"}


async def test_a_redirect_inside_the_site_is_followed_with_its_cookie():
    moved = httpx.Response(
        303, headers=[("location", "/in?a=1&b=</script>"), ("set-cookie", "s=1"), ("set-cookie", "t=2")]
    )

    async def show(request):
        return f"<h1>In {request.headers.get('cookie')}</h1>"

    site = PageSite(index='<a href="/out">Go</a>', out=moved)
    site.pages["/in"] = show
    async with open_site() as visit:
        told = (await (await visit(site)).click("Go")).message.content

    assert 'heading "In s=1; t=2"' in told
    assert told.startswith(f"url: {ORIGIN}/in?a=1&b=")


async def test_a_page_that_never_loads_ends_in_time_and_the_one_before_stays():
    async with open_site() as visit:
        at = await visit(
            PageSite(index='<a href="/slow">Slow</a><a href="/fine">Fine</a>', slow=wait_forever, fine="<h1>Fine</h1>")
        )
        at.seconds = 3.0
        async with asyncio.timeout(30):
            assert status(await at.click("Slow")) == 408
            assert status(await at("navigate", url="/slow")) == 408
        at.seconds = 20.0
        assert 'heading "Fine"' in (await at.click("Fine")).message.content


async def test_a_script_that_never_ends_costs_its_own_episode():
    async with open_site() as visit:
        site = PageSite(index="<button onclick='for(;;);'>Spin</button>")
        stuck, other = await visit(site), await visit(PageSite(index="<h1>Fine</h1>"))
        stuck.seconds = 3.0
        async with asyncio.timeout(60):
            assert status(await stuck.click("Spin")) in (408, 409)
            assert status(await stuck("snapshot")) == 408
            await stuck.environment.close()
        assert 'heading "Fine"' in await other.see()


async def see_note(at, result, note):
    """What was told with a note of a tab: on a busy machine the browser may tell of it one step late."""
    told = result.message.content
    told = told if note in told else await at.see()
    assert note in told
    return told


async def test_dialogs_are_answered_new_tabs_followed_and_downloads_refused():
    page = """<button onclick="alert('hey')">Alert</button>
      <button onclick="r.textContent=confirm('sure?')">Confirm</button>
      <button onclick="r.textContent=prompt('name?')">Prompt</button><a href="/file">File</a>
      <button onclick="window.open('/tab')">Tab</button>
      <a target=_blank href="/tab">Apart</a><p id=r></p>"""
    file = httpx.Response(200, headers={"content-disposition": "attachment; filename=a.bin"}, content=b"x")
    site = PageSite(index=page, file=file, tab="<h1>Tab</h1><button onclick='window.close()'>Close</button>")
    async with open_site() as visit:
        at = await visit(site)
        assert "note: dialog: alert 'hey' was answered with OK" in (await at.click("Alert")).message.content
        assert "paragraph [ref" in (told := (await at.click("Confirm")).message.content)
        assert ': "true"' in told
        assert "prompt 'name?' was answered with Cancel" in (await at.click("Prompt")).message.content
        assert f"download refused: {ORIGIN}/file" in (await at.click("File")).message.content
        told = await see_note(at, await at.click("Tab"), "note: a new tab was opened and is shown now")
        assert 'heading "Tab"' in told
        closed = "note: the tab was closed, the one before it is shown now"
        told = await see_note(at, await at.click("Close"), closed)
        assert 'button "Alert"' in told
        await see_note(at, await at.click('link "Apart"'), "a new tab was opened")


async def test_what_cannot_be_done_is_told_with_a_status():
    page = """<button disabled>Off</button><button>Below</button><input aria-label=Field readonly>
      <select aria-label=List><option value=a>Anna</select>
      <div id=cover style="position:fixed;inset:0;background:#fff"></div>"""
    async with open_site() as visit:
        at = await visit(PageSite(index=page))
        tree = await at.see()
        off, below, field, choice = (find_ref(tree, name) for name in ('"Off"', '"Below"', '"Field"', '"List"'))
        told = [
            (await at("click", ref="e999"), 404, "no element 'e999'"),
            (await at("click", ref=off), 409, "is disabled"),
            (await at("click", ref=below), 409, "intercepts pointer events"),
            (await at("type", ref=field, text="x"), 409, "element is not editable"),
            (await at("select_option", ref=choice, values=["Bea"]), 409, "there are: 'Anna'"),
            (await at("press_key", key="Nix"), 422, "no key 'Nix'"),
            (await at("click", ref="#id"), 422, "does not match"),
            (await at("click"), 422, "required"),
            (await at("fly"), 404, "no tool browser_fly; there are: browser_snapshot"),
            (await at("navigate_back"), 409, "no page to go back"),
        ]
        assert status(await at("select_option", ref=choice, values=["Anna"])) == 200

    for result, code, words in told:
        assert status(result) == code, result.error
        assert words in result.error


async def test_a_tree_is_bounded_and_an_element_can_be_looked_at():
    page = (
        "<ul>"
        + "".join(f"<li>entry {i}</li>" for i in range(400))
        + "</ul><nav aria-label=End><a href=/x>Last</a></nav>"
    )
    async with open_site(tree_characters=1000) as visit:
        at = await visit(PageSite(index=page))
        tree = await at.see()
        part = await at.see(ref=find_ref(tree, "entry 0"))

    assert "characters are not shown; browser_snapshot with a ref shows one element)" in tree
    assert len(tree) < 1300
    assert "entry 0" in part
    assert "entry 1" not in part


async def test_a_browser_that_dies_is_the_environments_fault_and_is_replaced():
    async with open_site() as visit:
        before = await visit(PageSite(index="<h1>Fine</h1>"))
        kill_browser()
        with pytest.raises(ToolError, match="browser went away"):
            await look_on(before)
        await before.environment.close()

        assert 'heading "Fine"' in await (await visit(PageSite(index="<h1>Fine</h1>"))).see()


def kill_browser():
    """Debian's wrapper is a shell, a renderer has a type: the browser itself is neither."""
    for process in psutil.Process().children(recursive=True):
        if process.status() == psutil.STATUS_ZOMBIE:
            continue
        arguments = process.cmdline()
        own = not any(part in " ".join(arguments) for part in ("--type=", "/bin/sh"))
        if own and "--remote-debugging-pipe" in arguments:
            os.kill(process.pid, signal.SIGKILL)


async def look_on(visit):
    for _ in range(50):
        await visit("snapshot")
        await asyncio.sleep(0.1)


async def test_a_site_that_raises_is_named():
    async def broken(request):
        raise KeyError("orders")

    async with open_site() as visit:
        at = await visit(PageSite(index='<a href="/broken">Go</a>', broken=broken))
        with pytest.raises(ToolError, match="the site raised KeyError: 'orders'"):
            await at.click("Go")
        with pytest.raises(ToolError, match="the site raised KeyError"):
            await visit(PageSite(index=broken))


CHANCE = """<p id=r></p><button onclick="setTimeout(async () => {
    const told = await (await fetch('/data')).text();
    r.textContent = [told, Date.now(), performance.now(), Math.random(), crypto.randomUUID(), new Date()].join(' ');
  }, 400)">Draw</button><script>r.textContent = Math.random() + ' ' + Date.now()</script>"""


async def draw(visit, seed):
    at = await visit(PageSite(index=CHANCE, data="x"), seed)
    return [await at.see(), (await at.click("Draw")).message.content, await at.see()]


async def test_clock_and_chance_are_the_episodes():
    async with open_site() as visit:
        first, again, other = await draw(visit, 1), await draw(visit, 1), await draw(visit, 2)
    async with open_site(screenshots=False) as visit:
        anew = await draw(visit, 1)

    assert first == again == anew
    assert "x 17" in first[1]
    assert all(one != two for one, two in zip(first, other, strict=True))


async def test_all_processes_end_with_the_pool():
    before = children()
    async with open_site(browsers=2) as visit:
        await visit(PageSite(index="<h1>Fine</h1>"))
        started = children() - before
    for _ in range(100):
        if not started & children():
            break
        await asyncio.sleep(0.1)

    assert len(started) >= 3
    assert not started & children()


async def test_an_executable_that_is_no_chromium_is_refused(tmp_path):
    fake = tmp_path / "chromium"
    fake.write_text("#!/bin/sh\nexit 3\n")
    fake.chmod(0o755)
    with pytest.raises(InputError, match=r"Chromium at '.*' did not start"):
        async with open_site(executable=fake):
            pass


async def test_the_mouse_hovers_drags_and_clicks_by_places_that_the_tree_tells():
    page = """<style>* { user-select: none }</style><button onmouseenter="r.textContent='over'">Hover</button>
      <div id=a role=img aria-label=A style="position:absolute;left:20px;top:100px;width:40px;height:40px"
        onmousedown="r.textContent='down'"></div>
      <div role=img aria-label=B style="position:absolute;left:200px;top:100px;width:40px;height:40px"
        onmouseup="r.textContent+=' up'" ondblclick="r.textContent='double'"></div><p id=r></p>"""
    async with open_site(boxes=True) as visit:
        at = await visit(PageSite(index=page))
        tree = await at.see()
        assert "[box=200,100,40,40]" in tree
        one, other = find_ref(tree, 'img "A"'), find_ref(tree, 'img "B"')
        assert "over" in await at.see("hover", ref=find_ref(tree, 'button "Hover"'))
        assert "down up" in await at.see("drag", startRef=one, endRef=other)
        assert "over" in await at.see("hover", ref=find_ref(tree, 'button "Hover"'))
        assert "down up" in await at.see("mouse_drag_xy", startX=40, startY=120, endX=220, endY=120)
        assert "double" in await at.see("mouse_click_xy", x=220, y=120, doubleClick=True)
        assert status(await at("mouse_click_xy", x=-1, y=0)) == 422


async def test_hostile_addresses_and_long_forms_are_results_of_the_call():
    form = f'<form><input type=hidden name=q value="{"x" * 70_000}"><button>Send</button>'
    form += "<button formaction='https://elsewhere.test/'>Leave</button></form>"
    async with open_site() as visit:
        at = await visit(PageSite(index=form))
        for url, expected in (
            ("http://[", 422),
            ("//[", 422),
            ("//[x]/", 422),
            ("http://", 403),
            ("javascript:1", 403),
            ("\x00", 200),
            ("/" + "a" * 70_000, 422),
            ("?" + "%00" * 300, 200),
        ):
            assert (url[:20], status(await at("navigate", url=url))) == (url[:20], expected)
        await at("navigate", url="/")
        sent = await at.click("Send")
        assert "The address is too long" in sent.message.content
        assert "note: blocked: GET https://site.test/?q=xxx" in sent.message.content
        assert status(await at("navigate", url="/")) == 200
        left = (await at.click("Leave")).message.content
        assert "note: blocked: GET https://elsewhere.test/?q=xxx" in left
        assert "The address is too long" not in left
