import { z } from "zod";
import { type HealthState, worst } from "../../../platform/core/index.ts";
import { type Incident, incidentImpacts, incidentStates } from "../../../platform/store/index.ts";
import { type Page, toPage } from "../page-policy.ts";
import { json, route, text } from "../route.ts";
import { named, timestamp } from "../schemas.ts";
import { time } from "../wire.ts";
import { componentTitles, type Seen } from "./components.ts";
import { statusPage } from "./page.ts";

const states = ["ok", "degraded", "down"] as const;

const component = named(
  "Component",
  "A part of the platform, as its users know it.",
  z.strictObject({
    name: z.string(),
    title: z.string(),
    state: z.enum(states),
    since: timestamp,
    codes: z.array(z.string()).describe("Why, as codes of the list of errors."),
  }),
);

export const publicIncident = named(
  "PublicIncident",
  "What operators tell everybody.",
  z.strictObject({
    id: z.string(),
    title: z.string(),
    impact: z.enum(incidentImpacts),
    state: z.enum(incidentStates),
    components: z.array(z.string()),
    startedAt: timestamp,
    resolvedAt: timestamp.nullable(),
    updates: z.array(z.strictObject({ at: timestamp, state: z.enum(incidentStates), message: z.string() })),
  }),
);

const status = named(
  "PlatformStatus",
  "How the platform is, as the status page shows it.",
  z.strictObject({
    status: z.enum(states),
    at: timestamp,
    rememberedFrom: timestamp
      .nullable()
      .describe("While the ledger does not answer: from when incidents and history are."),
    components: z.array(component),
    incidents: z.array(publicIncident).describe("Open ones, and those of the last 90 days."),
    history: z
      .array(
        z.strictObject({ component: z.string(), state: z.enum(states), codes: z.array(z.string()), at: timestamp }),
      )
      .describe("The newest 200 changes of the last 90 days, newest first."),
  }),
);

/** For everybody, also while the ledger is away: no token, no limit, no query of the one who asks. */
export const statusRoutes = [
  route({
    method: "get",
    path: "/status.json",
    operationId: "health.status",
    scope: "public",
    target: "own",
    limit: "watch",
    summary: "How the parts of the platform are, with incidents and history",
    replies: { 200: json("How they are", status) },
  }).handle(async (_call, { components }) => ({ status: 200, body: toWire(await components.seen()) })),

  route({
    method: "get",
    path: "/status",
    operationId: "health.statusPage",
    scope: "public",
    target: "own",
    limit: "watch",
    summary: "The same as a page to read",
    replies: { 200: text("The page", "text/html") },
  }).handle(async (_call, { components }) => ({
    status: 200,
    async write(response) {
      const seen = await components.seen();
      const { html, policy }: Page = toPage(statusPage(seen, overallOf(seen)));
      response.setHeader("content-security-policy", policy);
      response.setHeader("cache-control", "no-cache");
      response.type("html").send(html);
    },
  })),
];

/** An incident that people declared counts, also where every part looks well. */
function overallOf({ components, incidents }: Seen): HealthState {
  const declared = incidents
    .filter(({ state, impact }) => state !== "resolved" && impact !== "none")
    .map(({ impact }): HealthState => (impact === "critical" ? "down" : "degraded"));
  return worst([...components.map(({ state }) => state), ...declared]);
}

const toWire = (seen: Seen) => ({
  status: overallOf(seen),
  at: time(seen.at),
  rememberedFrom: seen.rememberedFrom === null ? null : time(seen.rememberedFrom),
  components: seen.components.map(({ name, state, since, codes }) => ({
    ...{ name, title: componentTitles[name], state },
    since: time(since),
    codes: [...codes],
  })),
  incidents: seen.incidents.map(toPublic),
  history: seen.history.map(({ component: of, state, reasons, at }) => ({
    ...{ component: of, state, codes: [...reasons] },
    at: time(at),
  })),
});

/** Without who declared it. */
export const toPublic = ({ id, title, impact, state, components, startedAt, resolvedAt, updates }: Incident) => ({
  ...{ id, title, impact, state },
  components: [...components],
  startedAt: time(startedAt),
  resolvedAt: resolvedAt === null ? null : time(resolvedAt),
  updates: updates.map(({ at, state: then, message }) => ({ at, state: then, message })),
});
