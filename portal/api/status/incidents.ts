import { z } from "zod";
import {
  incidentImpacts,
  incidentStates,
  listIncidents,
  openIncident,
  updateIncident,
} from "../../../platform/store/index.ts";
import { absent } from "../reach.ts";
import { json, route } from "../route.ts";
import { componentTitles, historyDays } from "./components.ts";
import { incidentOver } from "./errors.ts";
import { publicIncident, toPublic } from "./routes.ts";

const message = z.string().trim().min(1).max(2000).describe("For everybody: no name of a tenant's, no address.");
const params = z.strictObject({ incident: z.string().max(64) });

export const incidentRoutes = [
  route({
    method: "get",
    path: "/api/v1/incidents",
    operationId: "incidents.list",
    scope: "fleet:write",
    target: "own",
    summary: "Incidents: the open ones, and those of the last 90 days",
    replies: { 200: json("Newest first", z.strictObject({ items: z.array(publicIncident) })) },
  }).handle(async (_call, { sql }) => ({
    status: 200,
    body: { items: (await listIncidents(sql, historyDays)).map(toPublic) },
  })),

  route({
    method: "post",
    path: "/api/v1/incidents",
    operationId: "incidents.open",
    scope: "fleet:write",
    target: "own",
    summary: "Declare an incident: it stands on the status page at once",
    body: z.strictObject({
      title: z.string().trim().min(1).max(200),
      impact: z.enum(incidentImpacts).default("minor"),
      components: z
        .array(z.enum(Object.keys(componentTitles) as [string, ...string[]]))
        .max(10)
        .default([]),
      state: z.enum(incidentStates).default("investigating"),
      message,
    }),
    replies: { 201: json("Declared", publicIncident) },
  }).handle(async ({ body, principal }, { sql, components }) => {
    const incident = await openIncident(sql, { ...body, declaredBy: principal.user });
    components.forget();
    return { status: 201, body: toPublic(incident), trail: { resource: incident.id } };
  }),

  route({
    method: "post",
    path: "/api/v1/incidents/{incident}/updates",
    operationId: "incidents.update",
    scope: "fleet:write",
    target: "own",
    summary: "Say how an incident goes on, or that it is over",
    params,
    body: z.strictObject({ state: z.enum(incidentStates), message }),
    replies: { 200: json("Said", publicIncident) },
  }).handle(async ({ params: { incident: id }, body, principal }, { sql, components }) => {
    const incident = await updateIncident(sql, id, { ...body, declaredBy: principal.user });
    if (incident === undefined) throw absent();
    if (incident === "over") throw incidentOver(`${id} is resolved`);
    components.forget();
    return { status: 200, body: toPublic(incident), trail: { resource: id } };
  }),
];
