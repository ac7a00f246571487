# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the page of a verification looks. Private to the collection."""

STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#14202e;--soft:#526173;--line:#dde3ea;--accent:#2456d6;
--ok:#12805c;--ok-bg:#e3f5ee;--one:#4b6a9b;--one-bg:#e8eef8;--failed:#b45309;--failed-bg:#fdf0dd;--down:#c81e3a;--down-bg:#fde8eb;
--shape:#fff;--shadow:0 1px 2px rgb(20 32 46/.06),0 6px 20px rgb(20 32 46/.06)}
@media (prefers-color-scheme:dark){:root{--bg:#0e141b;--card:#161e28;--ink:#e8eef5;--soft:#9fb0c2;--line:#2a3644;--accent:#8fb0ff;
--ok:#3ecf9b;--ok-bg:#12312a;--one:#9db8e6;--one-bg:#1c2a40;--failed:#f6ad55;--failed-bg:#3a2a14;--down:#ff7b8f;--down-bg:#43202a;
--shape:#1d2834;--shadow:none}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main,header{max-width:1440px;margin:0 auto;padding:0 24px}
header{padding-top:28px}
h1{font-size:1.6rem;line-height:1.2;margin:0;letter-spacing:-.01em}
h2{font-size:1.1rem;margin:0 0 12px}
.when{color:var(--soft);margin:4px 0 0}
.skip{position:absolute;left:-999px}.skip:focus{left:16px;top:8px;background:var(--card);padding:8px 12px;z-index:2}
.verdict{display:inline-flex;align-items:center;gap:10px;font-weight:650;font-size:1.05rem;border-radius:999px;padding:7px 18px;margin-top:16px}
.verdict.ok{background:var(--ok-bg);color:var(--ok)}.verdict.bad{background:var(--down-bg);color:var(--down)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(128px,1fr));gap:12px;margin:18px 0 22px;padding:0;list-style:none}
.tiles li{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:12px 16px;box-shadow:var(--shadow)}
.tiles b{display:block;font-size:1.55rem;line-height:1.25;font-variant-numeric:tabular-nums}
.tiles span{color:var(--soft);font-size:.86rem}
.tiles .down b{color:var(--down)}.tiles .failed b{color:var(--failed)}.tiles .ok b{color:var(--ok)}
.card{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:20px;margin:0 0 20px;box-shadow:var(--shadow)}
.problems ol{list-style:none;margin:0;padding:0;display:grid;gap:10px}
.problems li{border-left:4px solid var(--failed);background:var(--failed-bg);border-radius:4px 10px 10px 4px;padding:10px 16px}
.problems li.down{border-color:var(--down);background:var(--down-bg)}
.problems strong{display:block}.problems p{margin:2px 0 0;color:var(--soft);overflow-wrap:anywhere}.problems span{overflow-wrap:anywhere}
.split{display:grid;grid-template-columns:minmax(0,1.55fr) minmax(320px,1fr);gap:20px;align-items:start}
.split .card{margin-bottom:20px}
svg{display:block;width:100%;height:auto;max-height:74vh;overflow:visible}
.tunnel{cursor:pointer;outline:none}
.tunnel .hit{fill:none;stroke:transparent;stroke-width:16}.fine .hit{stroke-width:5}
.tunnel .line{fill:none;stroke-linecap:round;stroke:var(--ok);stroke-width:2.5;opacity:.85}
.thick .line{stroke-width:4}.fine .line{stroke-width:1;opacity:.2}
.plain>path{fill:none;stroke:var(--ok);opacity:.2}
.one_sided .line{stroke:var(--one);stroke-dasharray:2 7}
.tunnel.failed .line{stroke:var(--failed);stroke-dasharray:14 7;opacity:1;stroke-width:3.5}
.tunnel.down .line{stroke:var(--down);stroke-dasharray:5 9;opacity:1;stroke-width:3.5}
.thick.failed .line,.thick.down .line{stroke-width:4.5}
.tunnel:hover .line,.tunnel:focus-visible .line,.tunnel.on .line{stroke-width:6;opacity:1}
.fine:hover .line,.fine.on .line{stroke-width:3.5}
svg.quiet .tunnel:not(.near):not(.on) .line{opacity:.1}
svg.quiet .time{opacity:.25}
.time{pointer-events:none}
.time rect{fill:var(--card);stroke:var(--ok);stroke-width:1.5}.time text{fill:var(--ink);font-size:16px;text-anchor:middle;font-variant-numeric:tabular-nums}
.time.failed rect{stroke:var(--failed)}.time.down rect{stroke:var(--down)}.time.one_sided rect{stroke:var(--one)}
.time.failed text{fill:var(--failed)}.time.down text{fill:var(--down)}
.node{cursor:pointer;outline:none}
.shape{fill:var(--shape);stroke:var(--ink);stroke-width:2.5}
.hub .shape{fill:var(--accent);stroke:var(--accent)}
.foreign .shape{stroke-dasharray:5 4;stroke:var(--one)}
.bad .shape{stroke:var(--down);stroke-width:4}
.node:hover .shape,.node:focus-visible .shape,.node.on .shape{stroke:var(--accent);stroke-width:6}
.glyph{fill:none;stroke:var(--ink);stroke-width:2.2;stroke-linecap:round;stroke-linejoin:round}.hub .glyph{stroke:var(--card)}
.name{fill:var(--ink);font-size:20px;font-weight:600;text-anchor:middle;paint-order:stroke;stroke:var(--card);stroke-width:5px;stroke-linejoin:round}
.name.small{font-size:15px;font-weight:500;text-anchor:inherit}
.name.small[text-anchor=end]{text-anchor:end}.name.small[text-anchor=start]{text-anchor:start}
.legend{display:flex;flex-wrap:wrap;gap:8px 20px;color:var(--soft);font-size:.88rem;margin:14px 0 0;padding:0;list-style:none}
.legend svg{display:inline-block;width:34px;height:12px;vertical-align:middle;margin-right:7px}
.legend .hex{width:16px;height:14px}
#details h3{margin:0 0 2px;font-size:1.05rem;overflow-wrap:anywhere}
#details p{margin:0 0 12px;color:var(--soft)}
#details table{width:100%;font-size:.88rem;table-layout:fixed}
#details .key{width:34%}#details table+table{margin-top:16px}
#details th{text-align:left;color:var(--soft);font-weight:500}
#details td{font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
#details th,#details td{padding:4px 8px 4px 0;border:0;vertical-align:top;white-space:normal;background:none}
#details thead th{color:var(--ink);font-weight:650;border-bottom:1px solid var(--line);position:static}
#details tbody.other th,#details tbody.other td{border-top:1px solid var(--line)}
.badge{display:inline-block;border-radius:999px;padding:1px 11px;font-size:.84rem;font-weight:620;white-space:nowrap}
.badge.ok{background:var(--ok-bg);color:var(--ok)}.badge.failed{background:var(--failed-bg);color:var(--failed)}
.badge.down{background:var(--down-bg);color:var(--down)}.badge.one_sided{background:var(--one-bg);color:var(--one)}
.tools{display:flex;flex-wrap:wrap;gap:12px;align-items:end;margin-bottom:14px}
.tools label{font-size:.86rem;color:var(--soft);display:grid;gap:3px}
input,select{font:inherit;color:inherit;background:var(--bg);border:1px solid var(--line);border-radius:9px;padding:7px 11px;min-width:150px}
input{min-width:min(320px,76vw)}
#count{color:var(--soft);font-size:.9rem;margin:0 0 8px auto}
.scroll{overflow-x:auto}
table{border-collapse:collapse}
#tunnels table{width:100%;font-size:.92rem}
#tunnels th,#tunnels td{text-align:left;padding:8px 14px 8px 0;border-bottom:1px solid var(--line);vertical-align:top;white-space:nowrap}
#tunnels thead th{color:var(--soft);font-weight:600;font-size:.84rem}
#tunnels td{font-variant-numeric:tabular-nums}
#tunnels td.wide{white-space:normal;min-width:210px}
#tunnels tbody tr.on{background:color-mix(in srgb,var(--accent) 10%,transparent)}
#tunnels button{font:inherit;font-weight:600;color:var(--accent);background:none;border:0;padding:0;cursor:pointer;text-align:left}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:4px}
footer{color:var(--soft);font-size:.84rem;max-width:1440px;margin:0 auto;padding:0 24px 32px}
html:not(.js) .needs-script{display:none}html:not(.js) .split{grid-template-columns:minmax(0,1fr)}
@media (max-width:900px){.split{grid-template-columns:minmax(0,1fr);gap:0}}
@media (max-width:560px){main,header,footer{padding-left:14px;padding-right:14px}.card{padding:14px}
.tiles{grid-template-columns:repeat(2,1fr)}
#tunnels thead{display:none}#tunnels tr{display:block;border-bottom:1px solid var(--line);padding:10px 0}
#tunnels th,#tunnels td,#tunnels td.wide{display:flex;gap:12px;justify-content:space-between;border:0;padding:2px 0;min-width:0;
white-space:normal;text-align:right}
#tunnels td::before{content:attr(data-label);color:var(--soft);text-align:left}#tunnels tr[hidden]{display:none}.name{font-size:26px}.time text{font-size:19px}}
@media (prefers-reduced-motion:no-preference){.line,.shape{transition:stroke-width .12s,opacity .12s}}
@media print{:root{color-scheme:light;--bg:#fff;--card:#fff;--ink:#000;--soft:#333;--line:#bbb;--shape:#fff;--shadow:none}
body{font-size:11pt}.needs-script,.skip,.tools{display:none!important}.split{display:block}svg{max-height:150mm}.card{border:0;padding:0;break-inside:auto}
.problems li,tr{break-inside:avoid}main,header,footer{max-width:none;padding-left:0;padding-right:0}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""

SCRIPT = """
(() => {
  "use strict";
  document.documentElement.classList.add("js");
  const data = JSON.parse(document.getElementById("data").textContent);
  const unpack = table => Array.from({length: table.rows}, (unused, number) => {
    const made = {};
    for (const [path, column] of Object.entries(table.columns)) {
      const value = Array.isArray(column) ? column[number] : column.at ? column.of[column.at[number]] : column.one;
      const [first, second] = path.split(".");
      if (!second) made[first] = value;
      else if (value !== null) (made[first] = made[first] || {})[second] = value;
    }
    return made;
  });
  const list = unpack(data.tunnels).map(one => ({...one, directions: []}));
  unpack(data.directions).forEach(one => list[one.tunnel].directions.push(one));
  const tunnels = new Map(list.map(one => [one.name, one]));
  const words = {ok: "works", one_sided: "works, tested from one end", failed: "fails", down: "down"};
  const details = document.getElementById("details");
  const drawing = document.querySelector("#drawing svg");
  let kept = null;

  const el = (tag, text, attributes = {}) => {
    const made = document.createElement(tag);
    if (text !== undefined && text !== null) made.textContent = text;
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    return made;
  };
  const octets = n => n === null || n === undefined ? "–" : n < 1000 ? n + " B" : n < 1e6 ? (n / 1e3).toFixed(1) + " kB"
    : n < 1e9 ? (n / 1e6).toFixed(1) + " MB" : (n / 1e9).toFixed(1) + " GB";
  const age = s => s === null || s === undefined ? "–" : s < 120 ? s + " s" : s < 7200 ? Math.floor(s / 60) + " min"
    : s < 172800 ? Math.floor(s / 3600) + " h" : Math.floor(s / 86400) + " d";
  const ms = n => n === null || n === undefined ? "–" : n.toFixed(1) + " ms";
  const tcp = t => !t ? "not tested" : {ok: "both directions, full-size segments", refused: "refused", no_answer: "no answer",
    lost_to_peer: "segments to the peer lost", lost_from_peer: "segments from the peer lost"}[t.result] || t.result;
  const mtu = m => !m ? "not tested" : m.passed ? m.size + " octets" : m.size + " octets lost" + (m.largest ? ", " + m.largest + " pass" : "");
  const bare = (one, name) => one.problem.startsWith(name + ": ") ? one.problem.slice(name.length + 2) : one.problem;
  const facts = one => [
    ["Ping", one.sent ? one.received + " of " + one.sent + " answered" : "none sent"],
    ["Round trip", ms(one.milliseconds)], ["MTU", mtu(one.mtu)], ["TCP", tcp(one.tcp)],
    ["In the clear", one.clear === null ? "not watched" : one.clear + " packets"],
    ["From, to", one.source + ", " + one.target]];
  const sa = one => {
    const ike = one.ike || {}, child = one.child || {};
    return [["IKE algorithms", ike.proposal], ["Child algorithms", child.proposal],
      ["IKE SPIs", ike.initiator_spi && ike.initiator_spi + " " + ike.responder_spi],
      ["ESP SPI in, out", child.spi_in && child.spi_in + ", " + child.spi_out],
      ["Age (IKE, Child)", ike.age === undefined ? null : age(ike.age) + ", " + age(child.age)],
      ["Bytes in, out", one.child && octets(child.bytes_in) + ", " + octets(child.bytes_out)],
      ["Endpoints", ike.local_host && ike.local_host + " – " + ike.remote_host + (ike.nat && ike.nat.length ? " (NAT: " + ike.nat.join(", ") + ")" : "")],
      ["Mode", child.mode && child.mode.toLowerCase() + (child.encap ? ", in UDP" : "")],
      ["Networks", child.local_ts && child.local_ts.join(", ") + " – " + child.remote_ts.join(", ")]].filter(row => row[1]);
  };
  const show = tunnel => {
    details.replaceChildren();
    const title = el("h3", tunnel.hosts.join(" – "));
    const line = el("p");
    line.append(el("span", words[tunnel.state], {class: "badge " + tunnel.state}), " " + tunnel.name + (tunnel.mesh ? " in mesh " + tunnel.mesh : ""));
    details.append(title, line);
    if (tunnel.note) details.append(el("p", tunnel.note));
    for (const one of tunnel.directions) {
      const table = el("table"), sizes = el("colgroup"), head = el("thead"), body = el("tbody"), other = el("tbody", null, {class: "other"});
      const first = el("tr");
      first.append(el("th", one.from + " → " + one.peer, {colspan: 2, scope: "colgroup"}));
      head.append(first);
      if (!one.ok) body.append(row("Problem", bare(one, tunnel.name)));
      facts(one).forEach(pair => body.append(row(...pair)));
      sa(one).forEach(pair => other.append(row(...pair)));
      sizes.append(el("col", null, {class: "key"}), el("col"));
      table.append(sizes, head, body, other);
      details.append(table);
    }
  };
  const row = (name, value) => {
    const made = el("tr");
    made.append(el("th", name, {scope: "row"}), el("td", value));
    return made;
  };
  // The rows that the page does not have yet, like those that it has.
  const finding = one => one.problems.length ? one.problems : one.note ? [one.note] : [];
  const each = (one, text) => [...new Set(one.directions.map(text))].join(" / ");
  const heads = [...document.querySelectorAll("#tunnels thead th")].map(one => one.textContent);
  const line = one => {
    const made = el("tr", null, {"data-tunnel": one.name, "data-state": one.state}), name = el("th", null, {scope: "row"});
    name.append(el("button", one.hosts.join(" – "), {type: "button"}));
    made.append(name);
    [el("span", words[one.state], {class: "badge " + one.state}), each(one, way => ms(way.milliseconds)),
      each(one, way => way.received + "/" + way.sent), each(one, way => !way.mtu ? "–" : way.mtu.passed ? way.mtu.size : way.mtu.size + " lost"),
      each(one, way => way.tcp ? way.tcp.result.replaceAll("_", " ") : "–"), each(one, way => way.child && way.child.proposal || "–"),
      each(one, way => age(way.child && way.child.age)), finding(one).join(" ") || "–"].forEach((value, number) => {
      const cell = el("td", null, {"data-label": heads[number + 1]});
      cell.append(value);
      made.append(cell);
    });
    made.lastChild.className = "wide";
    return made;
  };
  const body = document.querySelector("#tunnels tbody");
  body.append(...list.slice(body.rows.length).map(line));
  const rows = [...body.rows];
  const sought = new Map(list.map(one => [one.name, [one.name, one.mesh, ...one.hosts, words[one.state], ...finding(one),
    each(one, way => way.child && way.child.proposal || "")].join(" ").toLowerCase()]));
  const svg = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    return made;
  };
  const working = list.filter(one => one.state === "ok");
  document.querySelectorAll("#drawing .plain path").forEach((path, number) => {
    const tunnel = working[number], label = tunnel.hosts.join(" to ") + ": " + words.ok, title = svg("title", {});
    const made = svg("g", {class: "tunnel fine ok", "data-tunnel": tunnel.name, "aria-label": label});
    title.textContent = label;
    path.replaceWith(made);
    path.setAttribute("class", "line");
    made.append(title, svg("path", {class: "hit", d: path.getAttribute("d")}), path);
  });
  const all = [...document.querySelectorAll("[data-tunnel]")];
  const mark = name => all.forEach(one => one.classList.toggle("on", one.dataset.tunnel === name));
  const select = (name, keep) => {
    const tunnel = tunnels.get(name);
    if (!tunnel) return;
    if (keep) kept = name;
    mark(name);
    show(tunnel);
  };
  const near = name => {
    drawing.classList.toggle("quiet", name !== null);
    document.querySelectorAll("#drawing g.tunnel").forEach(one =>
      one.classList.toggle("near", name !== null && tunnels.get(one.dataset.tunnel).hosts.includes(name)));
  };
  all.forEach(one => {
    one.addEventListener("mouseenter", () => select(one.dataset.tunnel, false));
    one.addEventListener("mouseleave", () => kept && select(kept, true));
    one.addEventListener("focusin", () => select(one.dataset.tunnel, true));
    one.addEventListener("click", () => select(one.dataset.tunnel, true));
  });
  const text = document.getElementById("filter"), state = document.getElementById("state"), count = document.getElementById("count");
  const filter = () => {
    const wanted = text.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let shown = 0;
    for (const one of rows) {
      const fits = (!state.value || one.dataset.state === state.value) && wanted.every(word => sought.get(one.dataset.tunnel).includes(word));
      one.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    count.textContent = shown + " of " + rows.length + " tunnels";
  };
  text.addEventListener("input", filter);
  state.addEventListener("change", filter);
  document.querySelectorAll("[data-node]").forEach(one => {
    const name = one.dataset.node;
    one.addEventListener("mouseenter", () => near(name));
    one.addEventListener("mouseleave", () => near(null));
    one.addEventListener("focus", () => near(name));
    one.addEventListener("blur", () => near(null));
    const pick = () => { text.value = text.value === name ? "" : name; filter(); };
    one.addEventListener("click", pick);
    one.addEventListener("keydown", event => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); pick(); }
    });
  });
  filter();
  if (list.length) select(list[0].name, true);
  document.documentElement.dataset.ready = String(rows.length);
})();
"""
