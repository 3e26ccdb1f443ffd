/**
 * What the platform promises, and how fast a promise is being used up. A burn of 1 uses up exactly what may go wrong in thirty days; an
 * alert asks a long window, so that it means something, and a short one, so that it ends soon after (Google's SRE workbook, chapter 5).
 */
import type { Alert, Case, Recorded, Series, Severity } from "./types.ts";

export type Objective = {
  readonly name: string;
  readonly says: string;
  /** Of all that is counted, this part is to be good. */
  readonly target: number;
  /** Over `WINDOW`: a rate of what went wrong, and of all. */
  readonly bad: string;
  readonly all: string;
  readonly runbook: string;
  /** Series by which it burns at full speed, and by which it does not, a minute each. */
  readonly burning: (values: (perMinute: number) => string) => readonly Series[];
  readonly calm: (values: (perMinute: number) => string) => readonly Series[];
};

const requests = (more: string): string => `nebuladb_http_request_duration_seconds${more}`;
const api = `server="portal"`;

export const objectives: readonly Objective[] = [
  {
    name: "api_availability",
    says: "99.9 % of the API's requests are answered without an error of ours",
    target: 0.999,
    bad: `sum(rate(${requests(`_count{${api},status=~"5.."}`)}[WINDOW]))`,
    all: `sum(rate(${requests(`_count{${api}}`)}[WINDOW]))`,
    runbook: "api-error-budget",
    burning: (values) => [
      { series: requests(`_count{${api},status="200"}`), values: values(60) },
      { series: requests(`_count{${api},status="503"}`), values: values(60) },
    ],
    calm: (values) => [
      { series: requests(`_count{${api},status="200"}`), values: values(60) },
      { series: requests(`_count{${api},status="503"}`), values: values(0) },
    ],
  },
  {
    name: "api_latency",
    says: "95 % of the API's requests are answered within 200 ms",
    target: 0.95,
    bad: `(sum(rate(${requests(`_count{${api}}`)}[WINDOW])) - sum(rate(${requests(`_bucket{${api},le="0.2"}`)}[WINDOW])))`,
    all: `sum(rate(${requests(`_count{${api}}`)}[WINDOW]))`,
    runbook: "api-latency-budget",
    burning: (values) => [
      { series: requests(`_count{${api}}`), values: values(60) },
      { series: requests(`_bucket{${api},le="0.2"}`), values: values(0) },
    ],
    calm: (values) => [
      { series: requests(`_count{${api}}`), values: values(60) },
      { series: requests(`_bucket{${api},le="0.2"}`), values: values(60) },
    ],
  },
  {
    name: "query_latency",
    says: "95 % of the data API's questions to databases are answered within 50 ms",
    target: 0.95,
    bad: `(sum(rate(nebuladb_data_api_stage_duration_seconds_count{stage="database"}[WINDOW])) - sum(rate(nebuladb_data_api_stage_duration_seconds_bucket{stage="database",le="0.05"}[WINDOW])))`,
    all: `sum(rate(nebuladb_data_api_stage_duration_seconds_count{stage="database"}[WINDOW]))`,
    runbook: "query-latency-budget",
    burning: (values) => [
      { series: `nebuladb_data_api_stage_duration_seconds_count{stage="database"}`, values: values(60) },
      { series: `nebuladb_data_api_stage_duration_seconds_bucket{stage="database",le="0.05"}`, values: values(0) },
    ],
    calm: (values) => [
      { series: `nebuladb_data_api_stage_duration_seconds_count{stage="database"}`, values: values(60) },
      { series: `nebuladb_data_api_stage_duration_seconds_bucket{stage="database",le="0.05"}`, values: values(60) },
    ],
  },
  {
    name: "connect_availability",
    says: "99.9 % of the clients that may connect to a database do",
    target: 0.999,
    bad: `sum(rate(nebuladb_gateway_refused_total{reason=~"server|unavailable"}[WINDOW]))`,
    // a gateway that has let nobody in since it began has no series of those
    all: `((sum(rate(nebuladb_gateway_connect_duration_seconds_count[WINDOW])) or vector(0)) + sum(rate(nebuladb_gateway_refused_total{reason=~"server|unavailable"}[WINDOW])))`,
    runbook: "connect-error-budget",
    burning: (values) => [{ series: `nebuladb_gateway_refused_total{reason="unavailable"}`, values: values(60) }],
    calm: (values) => [
      { series: "nebuladb_gateway_connect_duration_seconds_count", values: values(60) },
      { series: `nebuladb_gateway_refused_total{reason="unavailable"}`, values: values(0) },
    ],
  },
];

type Burn = { readonly long: string; readonly short: string; readonly times: number; readonly severity: Severity };

/** In an hour 2 % of what may go wrong in thirty days, in six hours 5 %, in three days 10 %. */
const burns: readonly Burn[] = [
  { long: "1h", short: "5m", times: 14.4, severity: "critical" },
  { long: "6h", short: "30m", times: 6, severity: "critical" },
  { long: "3d", short: "6h", times: 1, severity: "warning" },
];

const windows = [...new Set(burns.flatMap(({ long, short }) => [short, long]))];
const ratioOf = (name: string, window: string): string => `objective:${name}:bad_ratio_rate${window}`;

/** The part that went wrong, over every window that an alert asks. */
export const recordsOf = ({ name, bad, all }: Objective): readonly Recorded[] =>
  windows.map((window) => ({
    record: ratioOf(name, window),
    expr: `${bad} / (${all} > 0)`.replaceAll("WINDOW", window),
  }));

/** An alert of two windows for every speed. A ratio cannot be more than 1, so a promise that is easily kept burns no faster than that. */
export const burnAlertsOf = (objective: Objective): readonly Alert[] =>
  burns
    .filter(({ times }) => times * (1 - objective.target) < 1)
    .map(({ long, short, times, severity }) => {
      const limit = Number((times * (1 - objective.target)).toFixed(6));
      const minutes = minutesOf[long] ?? 60;
      const [every, step] = paces[long] ?? (["1m", 1] as const);
      const values = (perMinute: number) => `0+${perMinute * step}x${minutes / step + 10}`;
      const at = `${minutes + 5 * step}m`;
      const over = (window: string) => `${ratioOf(objective.name, window)} > ${limit}`;
      return {
        name: `ObjectiveBurns${pascal(objective.name)}${long}`,
        expr: `${over(long)} and ${over(short)}`,
        for: "2m",
        severity,
        summary: `${objective.says}: at this speed of the last ${long} the month's room is gone in ${(30 / times).toFixed(0)} days`,
        runbook: objective.runbook,
        fires: { input: objective.burning(values), at, every, labels: {} },
        quiet: { input: objective.calm(values), at, every },
      };
    });

const minutesOf: Readonly<Record<string, number>> = { "1h": 60, "6h": 360, "3d": 4320 };
/** How far apart the values of an example are, in minutes: days of minutes take promtool long. */
const paces: Readonly<Record<string, readonly [NonNullable<Case["every"]>, number]>> = {
  "6h": ["10m", 10],
  "3d": ["30m", 30],
};
const pascal = (name: string): string => name.replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
