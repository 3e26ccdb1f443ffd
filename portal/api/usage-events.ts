import { z } from "zod";
import { takeEvents, toCloudEvent } from "../../platform/metering/index.ts";
import { meterNames, monthOf, monthSpan } from "../../platform/pricing/index.ts";
import { type ListedGap, listGaps, listRecords } from "../../platform/store/index.ts";
import { demand, narrowTo } from "./reach.ts";
import { json, route } from "./route.ts";
import { anyJson, name, named, timestamp } from "./schemas.ts";
import { time } from "./wire.ts";

/** Batches are small enough to be taken in one transaction; a sender has as many as it likes. */
const mostEvents = 1000;
export const cloudEvent = "application/cloudevents+json";
export const cloudEvents = "application/cloudevents-batch+json";

/** A reference, as the specification allows: relative to wherever the feed was read. */
const feedSource = "/api/v1/usage";

const taken = named(
  "UsageTaken",
  "What became of each event of a batch. Sending it again does no harm.",
  z.strictObject({
    accepted: z.int(),
    duplicates: z.int().describe("Taken before: source, id and words are the same."),
    refused: z.array(
      z.strictObject({
        index: z.int().describe("Its place in the batch, from 0."),
        id: z.string().nullable(),
        code: z.string().regex(/^NEB\d{3}$/),
        title: z.string(),
        reason: z.string(),
      }),
    ),
  }),
);

const record = named(
  "UsageCloudEvent",
  "A usage record as a CloudEvent. What is recorded is never changed: a correction is an event of its own.",
  z.strictObject({
    specversion: z.literal("1.0"),
    id: z.string().describe("Of what the record is of: always the same."),
    source: z.string(),
    type: z.string(),
    subject: z.string().describe("tenant/project/database"),
    time: timestamp,
    datacontenttype: z.literal("application/json"),
    sequence: z.string().describe("Its place in the feed; `after` for what follows."),
    data: z.strictObject({
      meter: z.string(),
      from: timestamp,
      to: timestamp,
      quantity: z.string().describe("Decimal, in the meter's unit; of a correction what it adds or takes away."),
      revision: z.int(),
      source: z.enum(["sampled", "reported", "corrected"]).or(z.string()),
      reason: z.string().nullable(),
      commits: z.array(z.string()),
    }),
  }),
);

const gap = named(
  "UsageGap",
  "A time in which nobody looked at a database, and what became of it.",
  z.strictObject({
    domain: z.string(),
    project: z.string(),
    database: z.string(),
    meter: z.string().nullable().describe("null: all that is sampled."),
    from: timestamp,
    to: timestamp.nullable().describe("null: it goes on."),
    reason: z.enum(["unwatched", "unproved", "too-late", "clock", "gone", "unreported"]),
    billed: z.boolean().describe("Whether usage of that time is in the records, because there is proof of it."),
  }),
);

const whose = { domain: name.optional(), project: name.optional() };

export const usageEventRoutes = [
  route({
    method: "post",
    path: "/api/v1/usage/events",
    operationId: "usage.report",
    scope: "usage:write",
    target: "own",
    limit: "events",
    summary: "Take usage that was measured elsewhere, as CloudEvents",
    description: `One event (\`${cloudEvent}\`) or a list of at most ${mostEvents} (\`${cloudEvents}\`, \`application/json\`). Each is taken, known already, or refused with a code; those that are taken are taken in one transaction. docs/metering.md says what an event holds.`,
    media: ["application/json", cloudEvent, cloudEvents],
    body: z.union([z.array(anyJson).max(mostEvents), anyJson]),
    replies: { 200: json("What became of each", taken) },
  }).handle(async ({ principal, body }, { sql, clock, observe }) => {
    demand(principal, "usage:write", { tenant: null, project: null }); // of every tenant: the events say whose they are
    const { accepted, duplicates, refused } = await takeEvents(sql, Array.isArray(body) ? body : [body], clock.now());
    observe({ kind: "usage.events", accepted, duplicates, refused: refused.length });
    return {
      status: 200,
      body: { accepted, duplicates, refused: [...refused] },
      trail: { details: { accepted, duplicates, refused: refused.length } },
    };
  }),

  route({
    method: "get",
    path: "/api/v1/usage/events",
    operationId: "usage.feed",
    scope: "usage:read",
    target: "own",
    summary: "Usage records as CloudEvents, in the order in which they were written",
    description:
      "For whoever keeps a copy: ask again with `after` set to the `sequence` of the last event. Nothing comes to stand behind it. The hour that is open is not in it.",
    query: z.strictObject({
      ...whose,
      database: name.optional(),
      meter: z.enum(meterNames).optional(),
      after: z
        .string()
        .regex(/^\d{1,15}$/, "must be a sequence")
        .default("0"),
      limit: z.coerce.number().int().min(1).max(1000).default(100),
    }),
    replies: { 200: { description: "A batch of CloudEvents", content: { [cloudEvents]: z.array(record) } } },
  }).handle(async ({ principal, query }, { sql }) => {
    const { after, limit, database, meter } = query;
    const filter = {
      within: narrowTo(principal, "usage:read", query),
      ...(database === undefined ? {} : { database }),
      ...(meter === undefined ? {} : { meter }),
    };
    const records = await listRecords(sql, filter, { afterSeq: Number(after), limit });
    const batch = records.map((each) =>
      record.parse({ ...toCloudEvent(each, feedSource), sequence: String(each.seq) }),
    );
    return {
      status: 200,
      write: async (response) => void response.type(cloudEvents).send(JSON.stringify(batch)),
    };
  }),

  route({
    method: "get",
    path: "/api/v1/usage/gaps",
    operationId: "usage.gaps",
    scope: "usage:read",
    target: "own",
    summary: "Times in which nobody looked at databases, the newest first",
    query: z.strictObject({
      ...whose,
      database: name.optional(),
      month: z
        .string()
        .regex(/^\d{4}-(0[1-9]|1[0-2])$/, "must be a month as YYYY-MM")
        .optional()
        .describe("YYYY-MM in UTC. Default: the current month."),
      limit: z.coerce.number().int().min(1).max(1000).default(200),
    }),
    replies: {
      200: json("Gaps", z.strictObject({ items: z.array(gap), more: z.boolean().describe("There are older ones.") })),
    },
  }).handle(async ({ principal, query }, { sql, clock }) => {
    const nowMs = clock.now();
    const span = monthSpan(query.month ?? monthOf(nowMs));
    const filter = {
      ...{ fromMs: span.fromMs, toMs: span.toMs, nowMs },
      within: narrowTo(principal, "usage:read", query),
      ...(query.database === undefined ? {} : { database: query.database }),
    };
    const gaps = await listGaps(sql, filter, query.limit + 1);
    return {
      status: 200,
      body: { items: gaps.slice(0, query.limit).map(gapToWire), more: gaps.length > query.limit },
    };
  }),
];

const gapToWire = ({ tenant, from, to, ...row }: ListedGap) => ({
  domain: tenant,
  ...row,
  from: time(from),
  to: to === null ? null : time(to),
  billed: row.reason === "unwatched" && to !== null,
});
