import { z } from "zod";
import { toTimestamp } from "../../../platform/core/index.ts";
import {
  databaseMetrics,
  databaseStates,
  isCounter,
  metricKeys,
  type Values,
} from "../../../platform/telemetry/index.ts";
import { json, route } from "../route.ts";
import { named, timestamp } from "../schemas.ts";
import { inDatabase, member } from "./read.ts";
import { databaseParams } from "./schemas.ts";

const figureOf = (help: string) => z.number().optional().describe(help);

const figures = named(
  "DatabaseFigures",
  "How a database is doing. A figure that could not be read is absent.",
  z.strictObject({
    state: z.enum(databaseStates).describe("A database that rests is not woken: its figures are of before it slept."),
    sampledAt: timestamp.nullable().describe("When its server was asked; null: never yet."),
    layer: z
      .enum(["l1", "l2", "stale", "source"])
      .describe(
        "What answered: memory of at most 5 s, of at most 15 s, an older one that is looked up again now, a look just now.",
      ),
    figures: z.strictObject(Object.fromEntries(metricKeys.map((key) => [key, figureOf(databaseMetrics[key].help)]))),
    rates: z
      .strictObject(
        Object.fromEntries(
          metricKeys.filter(isCounter).map((key) => [key, figureOf(`A second: ${databaseMetrics[key].help}`)]),
        ),
      )
      .describe("By how much the counters grew a second between the last two looks."),
  }),
);

export const databaseFigures = [
  route({
    method: "get",
    path: `${member}/figures`,
    operationId: "databases.figures",
    limit: "metrics",
    scope: "databases:read",
    target: inDatabase,
    summary: "How a database is doing now",
    description:
      "At most 20 s old while somebody can look, unless it rests. Prometheus has the history (docs/observability.md).",
    params: databaseParams,
    replies: { 200: json("The figures", figures, { "Cache-Control": "For how long nothing newer is to be had." }) },
  }).handle(async ({ params: { domain, project, database: name } }, { figures: served }) => {
    const { sample, layer } = await served.read(`${domain}.${project}.${name}`);
    return {
      status: 200,
      headers: { "cache-control": "private, max-age=5" },
      body: {
        ...{ state: sample.state, layer },
        sampledAt: sample.atMs === null ? null : toTimestamp(sample.atMs),
        figures: sample.values,
        rates: onlyCounters(sample.rates),
      },
    };
  }),
];

const onlyCounters = (rates: Values): Values =>
  Object.fromEntries(metricKeys.filter((key) => isCounter(key) && key in rates).map((key) => [key, rates[key]]));
