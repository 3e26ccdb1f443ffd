import { z } from "zod";
import { newId } from "../../platform/core/index.ts";
import { type Channel, channelsOf, noChannel, tell, wordsOf } from "../../platform/notify/index.ts";
import { topics } from "../../platform/spec/index.ts";
import {
  fleetDeclaring,
  type ListedNotification,
  listNotifications,
  replayMessages,
} from "../../platform/store/index.ts";
import { fromCursor, pageOf, pageQuery, toPage } from "./page.ts";
import type { Portal } from "./portal.ts";
import { json, route } from "./route.ts";
import { name, named, timestamp } from "./schemas.ts";
import { time } from "./wire.ts";

const tenantPath = "/api/v1/tenants/{tenant}";
const inTenant = ({ tenant }: { readonly tenant: string }) => ({ tenant, project: null });
const params = z.strictObject({ tenant: name });
const channelId = z.string().regex(/^ch_[0-9a-f]{12}$/);
const states = z.enum(["waiting", "delivered", "dead", "dropped"]);

const channel = named(
  "Channel",
  "Somebody who is told, as tenant.ts declares it.",
  z.strictObject({
    id: z.string(),
    kind: z.enum(["email", "webhook", "slack"]),
    to: z.string().describe("An address; of Slack the name of the secret that holds it."),
    about: z.array(z.enum(topics)),
    projects: z.array(z.string()).nullable().describe("null: all."),
  }),
);
const notification = named(
  "Notification",
  "A piece of news, and what became of each message of it.",
  z.strictObject({
    id: z.string(),
    kind: z.string(),
    project: z.string().nullable(),
    title: z.string(),
    lines: z.array(z.string()),
    at: timestamp,
    messages: z.array(
      z.strictObject({
        channel: z.string(),
        state: states,
        attempts: z.int(),
        status: z.int().nullable().describe("What its receiver answered last, where it was asked by HTTP."),
        error: z.string().nullable(),
      }),
    ),
  }),
);

export const notificationRoutes = [
  route({
    method: "get",
    path: `${tenantPath}/channels`,
    operationId: "notifications.channels",
    scope: "usage:read",
    target: inTenant,
    summary: "Who is told of what",
    description: "Declared by `notify` in tenant.ts; a change is a pull request.",
    params,
    replies: { 200: json("All of them", z.strictObject({ items: z.array(channel) })) },
  }).handle(async ({ params: { tenant } }, portal) => ({
    status: 200,
    body: { items: (await channels(portal, tenant)).map(channelToWire) },
  })),

  route({
    method: "post",
    path: `${tenantPath}/channels/{channel}/test`,
    operationId: "notifications.test",
    scope: "tenants:write",
    target: inTenant,
    summary: "Send a test to one channel",
    params: params.extend({ channel: channelId }),
    replies: { 202: json("It is on its way", z.strictObject({ notification: z.string() })) },
  }).handle(async ({ params: { tenant, channel: id }, principal }, portal) => {
    if (!(await channels(portal, tenant)).some((one) => one.id === id))
      throw noChannel(`${tenant} has no channel ${id}`);
    const about = newId("test");
    const at = new Date(portal.clock.now());
    await tell(portal.sql, {
      kind: "notify.test",
      about,
      tenant,
      project: null,
      at,
      data: { channel: id, by: principal.user },
    });
    return {
      status: 202,
      body: { notification: `notify.test:${about}` },
      trail: { tenant, resource: `channel ${id}` },
    };
  }),

  route({
    method: "get",
    path: `${tenantPath}/notifications`,
    operationId: "notifications.list",
    scope: "usage:read",
    target: inTenant,
    summary: "What was told, newest first, and what became of it",
    params,
    query: z.strictObject({ ...pageQuery, state: states.optional().describe("With a message in this state.") }),
    replies: { 200: json("A page of notifications", pageOf(notification)) },
  }).handle(async ({ params: { tenant }, query }, { sql }) => {
    const beforeSeq = fromCursor("notifications", query.cursor, z.int());
    const filter = { tenant, projects: null, ...(query.state === undefined ? {} : { state: query.state }) };
    const rows = await listNotifications(sql, filter, { beforeSeq, limit: query.limit + 1 });
    return { status: 200, body: toPage("notifications", rows, query.limit, ({ seq }) => seq, toWire) };
  }),

  route({
    method: "post",
    path: `${tenantPath}/notifications/replay`,
    operationId: "notifications.replay",
    scope: "tenants:write",
    target: inTenant,
    summary: "Send what is dead once more",
    params,
    body: z.strictObject({
      notification: z.string().max(300).nullable().default(null).describe("null: all that is dead."),
    }),
    replies: { 200: json("How many messages", z.strictObject({ replayed: z.int() })) },
  }).handle(async ({ params: { tenant }, body }, { sql, clock }) => {
    const replayed = await replayMessages(sql, { tenant, notification: body.notification, now: new Date(clock.now()) });
    return { status: 200, body: { replayed }, trail: { tenant, details: { replayed } } };
  }),
];

async function channels({ sql }: Portal, tenant: string): Promise<readonly Channel[]> {
  const declared = (await fleetDeclaring(sql, tenant))?.tenants.find((one) => one.tenant === tenant);
  return declared === undefined ? [] : channelsOf(declared);
}

const channelToWire = (one: Channel) => ({
  ...{
    id: one.id,
    kind: one.kind,
    about: [...one.about],
    projects: one.projects === undefined ? null : [...one.projects],
  },
  to: one.kind === "email" ? one.address : one.kind === "webhook" ? one.url : `secret("${one.secret}")`,
});

const toWire = (row: ListedNotification) => {
  const { title, lines } = wordsOf(row);
  const messages = row.messages.map((message) => ({ ...message, state: states.parse(message.state) }));
  return { id: row.id, kind: row.kind, project: row.project, title, lines: [...lines], at: time(row.at), messages };
};
