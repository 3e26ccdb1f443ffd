/** Webhooks of a database: what the gateway knows of them and does with them, for who may. They are declared, never made here. */
import { z } from "zod";
import { databaseId } from "../../platform/spec/index.ts";
import { inDatabase, member } from "./databases/read.ts";
import { databaseParams } from "./databases/schemas.ts";
import { json, route } from "./route.ts";
import { named } from "./schemas.ts";
import { askGateway } from "./sql/gateway.ts";

const number = z.string().regex(/^\d{1,18}$/);
const states = z.enum(["waiting", "delivered", "dead", "dropped"]);

const webhook = named(
  "Webhook",
  "A receiver of changed rows, and how many messages it was sent in the last three days.",
  z.strictObject({
    id: z.string(),
    table: z.string(),
    events: z.array(z.string()),
    url: z.string(),
    waiting: z.int(),
    delivered: z.int(),
    dead: z.int(),
  }),
);

const delivery = named(
  "WebhookDelivery",
  "A message to a receiver, and what became of it.",
  z.strictObject({
    webhook: z.string(),
    seq: number.describe("The number of the change."),
    messageId: z.string().describe("`webhook-id`: the same for every attempt, and for a replay."),
    event: z.string(),
    key: z.record(z.string(), z.unknown()).nullable(),
    at: z.string(),
    state: states,
    attempts: z.int(),
    dueAt: z.string().nullable(),
    status: z.int().nullable().describe("What the receiver answered last; null: nothing."),
    error: z.string().nullable(),
  }),
);

const list = z.strictObject({ webhooks: z.array(webhook) });
const some = z.strictObject({ deliveries: z.array(delivery) });
const replayed = z.strictObject({ replayed: z.int() });

type Params = { readonly domain: string; readonly project: string; readonly database: string };
const idOf = ({ domain, project, database }: Params) => databaseId(domain, project, database);

export const webhookRoutes = [
  route({
    method: "get",
    path: `${member}/webhooks`,
    operationId: "webhooks.list",
    scope: "sql:read",
    target: inDatabase,
    summary: "Who is told of changed rows",
    description: "It wakes when it sleeps.",
    params: databaseParams,
    replies: { 200: json("All of them", list) },
  }).handle(async ({ principal: { user }, params }, portal) => {
    const grant = { user, database: idOf(params), level: "read" } as const;
    return { status: 200, body: await askGateway<z.output<typeof list>>(portal, grant, "webhooks/v1/list", {}) };
  }),

  route({
    method: "get",
    path: `${member}/webhooks/deliveries`,
    operationId: "webhooks.deliveries",
    scope: "sql:read",
    target: inDatabase,
    summary: "Messages about changed rows, newest first",
    description: "It wakes when it sleeps. The next page is what comes `before` the last number of this one.",
    params: databaseParams,
    query: z.strictObject({
      webhook: z.string().max(100).optional().describe("Of one receiver."),
      state: states.optional(),
      before: number.optional().describe("Only older ones."),
      limit: z.coerce.number().int().min(1).max(200).default(50),
    }),
    replies: { 200: json("Some of them", some) },
  }).handle(async ({ principal: { user }, params, query }, portal) => {
    const grant = { user, database: idOf(params), level: "read" } as const;
    const { webhook: of = null, state = null, before = null, limit } = query;
    const asked = { webhook: of, state, before, limit };
    return {
      status: 200,
      body: await askGateway<z.output<typeof some>>(portal, grant, "webhooks/v1/deliveries", asked),
    };
  }),

  route({
    method: "post",
    path: `${member}/webhooks/replay`,
    operationId: "webhooks.replay",
    scope: "sql:write",
    target: inDatabase,
    summary: "Send messages again, under the ids that they had",
    params: databaseParams,
    body: z.strictObject({
      webhook: z.string().max(100),
      numbers: z
        .array(number)
        .min(1)
        .max(1000)
        .nullable()
        .default(null)
        .describe("Of changes, whatever became of their messages; null: everything that is dead."),
    }),
    replies: { 200: json("How many", replayed) },
  }).handle(async ({ principal: { user }, params, body, note }, portal) => {
    note({ details: { webhook: body.webhook, numbers: body.numbers?.length ?? "dead" } });
    const grant = { user, database: idOf(params), level: "write" } as const;
    return {
      status: 200,
      body: await askGateway<z.output<typeof replayed>>(portal, grant, "webhooks/v1/replay", body),
    };
  }),
];
