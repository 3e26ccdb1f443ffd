import type { HealthState } from "../../../platform/core/index.ts";
import type { Incident } from "../../../platform/store/index.ts";
import { type ComponentName, componentTitles, type Seen } from "./components.ts";

const words: Readonly<Record<HealthState, string>> = { ok: "Works", degraded: "Degraded", down: "Down" };
const headlines: Readonly<Record<HealthState, string>> = {
  ok: "Everything works",
  degraded: "Something is degraded",
  down: "Something does not work",
};

/** The status page: made here, nothing is loaded, no script runs, and it asks for itself again after a minute. */
export function statusPage(seen: Seen, overall: HealthState): string {
  const open = seen.incidents.filter(({ state }) => state !== "resolved");
  const over = seen.incidents.filter(({ state }) => state === "resolved");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="60"><title>${headlines[overall]} - NebulaDB status</title>
<style>${style}</style></head><body><main>
<h1 class="${overall}">${headlines[overall]}</h1>
<p>As of ${time(seen.at)}.${seen.rememberedFrom === null ? "" : ` Incidents and history as of ${time(seen.rememberedFrom)}: the ledger does not answer.`} The same as data: <a href="/status.json">/status.json</a>.</p>
${open.map(incidentOf).join("\n")}
<h2>Parts</h2>
<table><thead><tr><th scope="col">Part</th><th scope="col">State</th><th scope="col">Since</th><th scope="col">Why</th></tr></thead><tbody>
${seen.components.map(({ name, state, since, codes }) => row([componentTitles[name], cell(state), time(since), html(codes.join(", "))])).join("\n")}
</tbody></table>
<h2>Past incidents</h2>
${over.length === 0 ? "<p>None in the last 90 days.</p>" : over.map(incidentOf).join("\n")}
<h2>History</h2>
${seen.history.length === 0 ? "<p>Nothing has changed.</p>" : historyOf(seen)}
</main></body></html>
`;
}

const historyOf = ({ history }: Seen): string =>
  `<table><thead><tr><th scope="col">When</th><th scope="col">Part</th><th scope="col">State</th><th scope="col">Why</th></tr></thead><tbody>
${history.map(({ at, component, state, reasons }) => row([time(at), titleOf(component), cell(state), html(reasons.join(", "))])).join("\n")}
</tbody></table>`;

const incidentOf = ({ title, impact, state, components, startedAt, updates }: Incident): string =>
  `<section><h3>${html(title)}</h3>
<p>${html(state)}, impact ${html(impact)}, since ${time(startedAt)}${components.length === 0 ? "" : `: ${components.map(titleOf).join(", ")}`}</p>
<ul>${updates.map((one) => `<li>${time(new Date(one.at))} <b>${html(one.state)}</b> ${html(one.message)}</li>`).join("")}</ul></section>`;

const titleOf = (component: string): string => html(componentTitles[component as ComponentName] ?? component);
const row = (cells: readonly string[]): string => `<tr>${cells.map((one) => `<td>${one}</td>`).join("")}</tr>`;
const cell = (state: HealthState): string => `<span class="${state}">${words[state]}</span>`;
const time = (at: Date): string => `<time>${at.toISOString().slice(0, 19).replace("T", " ")} UTC</time>`;

const style = `
body{font:16px/1.5 system-ui,sans-serif;margin:0;color:#1b1f24;background:#f6f8fa}
main{max-width:52rem;margin:2rem auto;padding:2rem;background:#fff;border:1px solid #d8dee4;border-radius:8px}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}h3{margin:1rem 0 0}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem .3rem 0;border-bottom:1px solid #d8dee4}
section{border-left:4px solid #9a6700;padding-left:1rem}.ok{color:#1a7f37}.degraded{color:#9a6700}.down{color:#cf222e}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}main{background:#161b22;border-color:#30363d}a{color:#58a6ff}
.ok{color:#3fb950}.degraded{color:#d29922}.down{color:#f85149}}
`;

const html = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
