import type { Advice } from "../../platform/advise/index.ts";
import { formatSizeBytes } from "../../platform/spec/index.ts";
import { block, code, details, plain, prose, table } from "./markdown.ts";
import type { MigrationReview } from "./migrations.ts";

/** What the comment says of a project's migrations: what they do, what they lock and rewrite, and what the schema becomes. */
export function renderMigrations(reviews: readonly MigrationReview[], most: number): string {
  return reviews
    .filter(({ files }) => files.length > 0)
    .map((one) => renderOne(one, most))
    .join("\n\n");
}

function renderOne({ database, files, findings, rehearsal, advice = [], on }: MigrationReview, most: number): string {
  const count = files.length === 1 ? "1 migration" : `${files.length} migrations`;
  const tried =
    rehearsal === null
      ? `⚠️ ${plain(on)}`
      : `rehearsed on ${plain(on)}${rehearsal.problem === null ? "" : ": ❌ failed"}`;
  const rows = findings
    .slice(0, most)
    .map(({ level, id, risk, message, hint, path, line, allowed }) => [
      allowed === null ? (level === "error" ? "❌" : "⚠️") : "✔️",
      code(`${nameOf(path)}:${line}`),
      plain(`it ${message}`),
      plain(risk),
      allowed === null ? prose(`${hint} (${id})`) : `allowed: ${plain(allowed)}`,
    ]);
  return [
    `**${count} of ${code(database)}**, ${tried}`,
    table(["", "Where", "What", "Risk", "Way out"], "lllll", rows),
    table(["Where", "Takes", "On", "Rows", "Size"], "lllrr", effectRows(rehearsal, most)),
    table(["", "Advice", "On", "Way out"], "llll", advice.slice(0, most).map(adviceRow)),
    ...differenceBlocks(rehearsal),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

const adviceMarks = { error: "❌", warn: "⚠️", info: "ℹ️" } as const;
const adviceRow = ({ level, id, title, object, detail, fix }: Advice): readonly string[] => [
  adviceMarks[level],
  plain(`${title} (${id})`),
  `${code(object)}: ${plain(detail)}`,
  code(fix),
];

const nameOf = (path: string): string => path.split("/").at(-1) ?? path;
const amounts = (rows: number, bytes: number): readonly string[] => [rows.toLocaleString("en-US"), formatSize(bytes)];
const formatSize = (bytes: number): string => (bytes % 1024 === 0 ? formatSizeBytes(bytes) : `${bytes} B`);

/** As it was measured: strong locks on tables that were there before, and rows that were written anew. */
function effectRows(rehearsal: MigrationReview["rehearsal"], most: number): readonly (readonly string[])[] {
  const rows = (rehearsal?.files ?? []).flatMap(({ path, statements, rewrites }) => [
    ...statements.flatMap(({ line, locks, ms }) =>
      locks.map((lock) => [
        code(`${nameOf(path)}:${line}`),
        `lock ${plain(lock.mode)} (${ms} ms)`,
        code(lock.table),
        ...amounts(lock.rows, lock.bytes),
      ]),
    ),
    ...rewrites.map((one) => [code(nameOf(path)), "🔁 rewrites it", code(one.table), ...amounts(one.rows, one.bytes)]),
  ]);
  return rows.slice(0, most);
}

function differenceBlocks(rehearsal: MigrationReview["rehearsal"]): string[] {
  if (rehearsal === null) return [];
  const { difference, byHand } = rehearsal;
  const text = (lines: readonly string[]) =>
    block(
      lines
        .slice(0, 200)
        .map((line) => line.slice(0, 300))
        .join("\n"),
      "diff",
    );
  return [
    ...(difference.length === 0 ? [] : [details(`Schema: ${difference.length} lines of difference`, text(difference))]),
    ...(byHand.length === 0 ? [] : [details("⚠️ Changed by hand before, and in no migration", text(byHand))]),
  ];
}
