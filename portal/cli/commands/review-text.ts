import { printRows, say } from "../output.ts";

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
    readonly plan: {
      readonly steps: readonly {
        readonly kind: string;
        readonly database: string;
        readonly risk: string;
        readonly changes: readonly Change[];
        readonly blocked?: { readonly code: string; readonly message: string; readonly hint: string };
      }[];
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

export type MigrationReview = {
  readonly database: string;
  readonly files: readonly string[];
  /** On what they were rehearsed, or why they were not. */
  readonly on: string;
  readonly findings: readonly {
    readonly level: string;
    readonly id: string;
    readonly path: string;
    readonly line: number;
    readonly message: string;
    readonly hint: string;
  }[];
  readonly rehearsal: { readonly difference: readonly string[] } | null;
  /** What is amiss after them and was not before. */
  readonly advice?: readonly { readonly level: string; readonly title: string; readonly object: string }[];
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
  const steps = review.projects.flatMap((project) =>
    (project.plan?.steps ?? []).flatMap((step) =>
      step.changes.map((change) => ({ ...step, ...change, where: `${project.stack}.${step.database}` })),
    ),
  );
  section("Plan");
  printRows(
    steps,
    [
      { title: "DATABASE", value: (row) => row.where },
      { title: "STEP", value: (row) => row.kind },
      {
        title: "WHAT",
        value: (row) =>
          row.path === "" ? "the whole database" : `${row.path}: ${short(row.from)} -> ${short(row.to)}`,
      },
      { title: "EFFECT", value: (row) => row.effect },
      { title: "WHY", value: (row) => row.why },
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
  printFindings(review);
}

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
      (each) => `${each.file}:${each.line}:${each.column} ${each.code} ${each.message}\n  -> ${each.hint}`,
    ),
    ...projects.flatMap(({ stack, plan }) =>
      (plan?.steps ?? []).flatMap(({ blocked }) =>
        blocked ? [`${stack} ${blocked.code} ${blocked.message}\n  -> ${blocked.hint}`] : [],
      ),
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
  for (const finding of findings) process.stdout.write(`${finding}\n`);
}

const section = (title: string): void => void process.stdout.write(`\n${title}\n`);
const money = (micros: number): string => (micros / 1_000_000).toFixed(2);
const short = (value: unknown): string =>
  value === null ? "-" : typeof value === "object" ? JSON.stringify(value) : String(value);
const amount = (value: number | null, unit: string): string =>
  value === null ? "-" : unit === "bytes" ? `${value / 2 ** 30} GiB` : String(value);
