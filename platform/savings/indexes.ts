import { createHash } from "node:crypto";
import type { Advice } from "../advise/index.ts";

/** An index that a foreign key misses: what is deleted or joined through it reads the whole table. */
export type MissingIndex = { readonly object: string; readonly constraint: string; readonly sql: string };

const lint = "unindexed-foreign-key";
const unnamed = "create index concurrently on ";

/** Of what an advisor found; each with a name, so that a migration can be begun again where it broke off. */
export const missingIndexes = (advice: readonly Advice[]): readonly MissingIndex[] =>
  advice.flatMap(({ id, object, detail, fix }) =>
    id === lint && fix.startsWith(unnamed)
      ? [
          {
            object,
            constraint: detail,
            sql: `create index concurrently ${nameOf(object, detail)} on ${fix.slice(unnamed.length)}`,
          },
        ]
      : [],
  );

/** A migration that makes them all, while others read and write. */
export const indexMigration = (missing: readonly MissingIndex[]): string =>
  `-- nebula: no-transaction\n${missing.map(({ sql }) => `${sql}\n`).join("")}`;

/** What needs no quotes, is no longer than Postgres keeps, and differs for what differs. */
function nameOf(object: string, constraint: string): string {
  const plain = constraint
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, "_")
    .replace(/^[^a-z_]/, "_");
  const hash = createHash("sha256").update(`${object} ${constraint}`).digest("hex").slice(0, 6);
  return `${plain.slice(0, 45)}_idx_${hash}`;
}
