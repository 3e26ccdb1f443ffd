import { printRows, say } from "../output.ts";
import { printable } from "../sql/print.ts";
import { type MigrationReview, printMigrations } from "./review-migrations.ts";

export type { MigrationReview } from "./review-migrations.ts";

/** What is read of a pull request and its review; the portal serves the whole. */
export type Pull = {
  readonly number: number;
  readonly title: string;
  readonly url: string;
  readonly state: "open" | "merged" | "closed";
  readonly branch: string;
  readonly headCommit: string;
  readonly mergeCommit: string | null;
  readonly requestedBy: string;
  readonly operation: string | null;
  readonly verdict: "pending" | "success" | "failure" | "error";
  readonly statuses?: readonly { readonly context: string; readonly state: string; readonly description: string }[];
  readonly review?: Review | null;
};

type Change = {
  readonly path: string;
  readonly from: unknown;
  readonly to: unknown;
  readonly effect: string;
  readonly why: string;
};
type PlanLine = {
  readonly database: string | null;
  readonly step: string;
  readonly what: string;
  readonly effect: string;
  readonly why: string;
};
type Review = {
  readonly price: {
    readonly currency: string;
    readonly beforeMicros: number;
    readonly afterMicros: number;
    readonly differenceMicros: number;
  } | null;
  readonly problems: readonly {
    readonly file: string;
    readonly line: number;
    readonly column: number;
    readonly code: string;
    readonly message: string;
    readonly hint: string;
    /** The lines around it. */
    readonly frame?: string | null;
  }[];
  readonly notes: readonly {
    readonly severity: string;
    readonly code: string;
    readonly message: string;
    readonly hint: string;
    readonly paths: readonly string[];
  }[];
  readonly projects: readonly {
    readonly stack: string;
    /** The plan in words; absent in a review by an older version. */
    readonly lines?: readonly PlanLine[];
    readonly plan: {
      readonly steps: readonly {
        readonly kind: string;
        readonly database: string;
        readonly risk: string;
        readonly changes: readonly Change[];
      }[];
      /** Every reason why it is not to be applied. */
      readonly blocked: readonly { readonly code: string; readonly message: string; readonly hint: string }[];
    } | null;
    readonly quota: {
      readonly rows: readonly {
        readonly resource: string;
        readonly unit: string;
        readonly before: number | null;
        readonly after: number;
        readonly limit: number;
        readonly ok: boolean;
      }[];
    } | null;
    readonly policy: readonly {
      readonly severity: string;
      readonly code: string;
      readonly message: string;
      readonly hint: string;
    }[];
    readonly migrations?: readonly MigrationReview[];
  }[];
};

/** A pull request as a person reads it in a terminal: verdict, checks, plan, money, quota, and what is wrong and where. */
export function printReview(pull: Pull): void {
  say(
    `#${pull.number} ${pull.title}\n${pull.state} · review ${pull.verdict} · asked by ${pull.requestedBy}\n${pull.url}\n`,
  );
  printRows(
    pull.statuses ?? [],
    [
      { title: "CHECK", value: (row) => row.context },
      { title: "STATE", value: (row) => row.state },
      { title: "SAYS", value: (row) => row.description },
    ],
    "table",
  );
  if (pull.review) printParts(pull.review);
}

function printParts(review: Review): void {
  const lines = review.projects.flatMap(({ stack, lines, plan }) =>
    (lines ?? rawLines(plan)).map((line) => ({
      ...line,
      where: line.database === null ? stack : `${stack}.${line.database}`,
    })),
  );
  section("Plan");
  printRows(
    lines,
    [
      { title: "DATABASE", value: (row) => row.where },
      { title: "STEP", value: (row) => row.step },
      { title: "WHAT", value: (row) => printable(row.what) },
      { title: "EFFECT", value: (row) => row.effect },
      { title: "WHY", value: (row) => printable(row.why) },
    ],
    "table",
  );
  if (review.price !== null) {
    section("Price a month, at most");
    const { beforeMicros, afterMicros, differenceMicros, currency } = review.price;
    process.stdout.write(
      `${money(beforeMicros)} -> ${money(afterMicros)} ${currency} (${differenceMicros >= 0 ? "+" : ""}${money(differenceMicros)})\n`,
    );
  }
  printQuota(review);
  for (const { stack, migrations = [] } of review.projects) printMigrations(stack, migrations);
  printFindings(review);
}

/** A plan that nobody put into words, as it is. */
const rawLines = (plan: Review["projects"][number]["plan"]): readonly PlanLine[] =>
  (plan?.steps ?? []).flatMap(({ database, kind, changes }) =>
    changes.map(({ path, from, to, effect, why }) => ({
      ...{ database, step: kind, effect, why },
      what: path === "" ? "the whole database" : `${path}: ${short(from)} -> ${short(to)}`,
    })),
  );

function printQuota({ projects }: Review): void {
  const rows = projects.flatMap(({ stack, quota }) => (quota?.rows ?? []).map((row) => ({ stack, ...row })));
  if (rows.length === 0) return;
  section("Quota");
  printRows(
    rows,
    [
      { title: "PROJECT", value: (row) => row.stack },
      { title: "RESOURCE", value: (row) => row.resource },
      { title: "BEFORE", value: (row) => amount(row.before, row.unit) },
      { title: "AFTER", value: (row) => amount(row.after, row.unit) },
      { title: "LIMIT", value: (row) => amount(row.limit, row.unit) },
      { title: "", value: (row) => (row.ok ? "ok" : "EXCEEDED") },
    ],
    "table",
  );
}

function printFindings({ projects, problems, notes }: Review): void {
  const findings = [
    ...problems.map(
      ({ file, line, column, code, message, hint, frame }) =>
        `${file}:${line}:${column} ${code} ${message}${framed(frame)}\n  -> ${hint}`,
    ),
    ...projects.flatMap(({ stack, plan }) =>
      (plan?.blocked ?? []).map(({ code, message, hint }) => `${stack} ${code} ${message}\n  -> ${hint}`),
    ),
    ...projects.flatMap(({ stack, policy }) =>
      policy.map((each) => `${stack} ${each.code} ${each.message} (${each.severity})\n  -> ${each.hint}`),
    ),
    ...notes.map(
      ({ severity, code, message, hint, paths }) =>
        `${paths.join(", ")} ${code} ${message} (${severity})\n  -> ${hint}`,
    ),
  ];
  if (findings.length === 0) return;
  section("Findings");
  for (const finding of findings) process.stdout.write(`${printable(finding)}\n`);
}

const framed = (frame: string | null | undefined): string =>
  frame == null ? "" : `\n${frame.replaceAll(/^/gm, "    ")}`;

const section = (title: string): void => void process.stdout.write(`\n${title}\n`);
const money = (micros: number): string => (micros / 1_000_000).toFixed(2);
const short = (value: unknown): string =>
  value === null ? "-" : typeof value === "object" ? JSON.stringify(value) : String(value);
const amount = (value: number | null, unit: string): string =>
  value === null ? "-" : unit === "bytes" ? `${value / 2 ** 30} GiB` : String(value);
