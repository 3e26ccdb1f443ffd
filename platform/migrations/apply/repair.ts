import { quoteIdent, type Sql } from "../../sql/index.ts";
import type { Statement } from "../read/migration.ts";
import { flagAt, listAt, listedName, nodeAt, textAt } from "../read/tree.ts";

/**
 * What a statement left that was begun outside of a transaction and broke off. Answers whether it is done: an index that is valid is
 * there; one that is not is a rest, and is taken away. Everything else that may stand in such a file may be done twice.
 */
export async function repair(admin: Sql, owner: Sql, { type, node }: Statement): Promise<"done" | "again"> {
  if (type === "IndexStmt") return repairIndex(admin, owner, node);
  if (type !== "DropStmt") return "again";
  const names = listAt(node, "objects").flatMap((one) => listedName(one) ?? []);
  const left = await Promise.all(names.map((name) => isThere(admin, name)));
  return left.some((there) => there) ? "again" : "done";
}

async function repairIndex(admin: Sql, owner: Sql, node: Statement["node"]): Promise<"done" | "again"> {
  const schema = textAt(nodeAt(node, "relation"), "schemaname") ?? "public";
  const index = textAt(node, "idxname") ?? "";
  const found = await admin.maybe<{ valid: boolean }>(
    `select i.indisvalid as valid from pg_index i join pg_class c on c.oid = i.indexrelid
       join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2`,
    [schema, index],
  );
  if (found === undefined) return "again";
  if (found.valid) return "done";
  await owner.query(`drop index concurrently ${quoteIdent(schema)}.${quoteIdent(index)}`);
  return flagAt(node, "concurrent") ? "again" : "done";
}

async function isThere(admin: Sql, name: string): Promise<boolean> {
  const [schema = "public", ...rest] = name.split(".");
  const found = await admin.maybe(
    "select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2",
    [schema, rest.join(".")],
  );
  return found !== undefined;
}
