/** A project to edit in tests: files by their path below it, and what was written or refused. */
import { NebulaError } from "../../platform/core/index.ts";
import { changeDatabase, type FileEdits, type FileSet, type OptionsPatch } from "./index.ts";

export const place = { tenant: "acme", project: "shop", name: "orders" };
export const folder = "tenants/acme/shop";
const projectFile =
  'import { project } from "@nebuladb/platform";\n\nexport default project({ placement: "local" });\n';
export const head = 'import { Postgres } from "@nebuladb/platform";\n';

/** Files of the project, by their path below it; `../` is the tenant's folder. */
export const filesOf = (texts: Readonly<Record<string, string>>): FileSet =>
  new Map([
    [
      "tenants/acme/tenant.ts",
      'import { tenant } from "@nebuladb/platform";\nexport default tenant({ displayName: "Acme" });\n',
    ],
    [`${folder}/project.ts`, projectFile],
    ...Object.entries(texts).map(
      ([path, text]) => [new URL(path, `file:///${folder}/`).pathname.slice(1), text] as const,
    ),
  ]);
export const textOf = (edits: FileEdits, path = "orders.ts") =>
  edits.changes.find((change) => change.path === new URL(path, `file:///${folder}/`).pathname.slice(1))?.content;

/** The text of orders.ts after a change of it. */
export const changed = (text: string, patch: OptionsPatch) => {
  const edits = changeDatabase(filesOf({ "orders.ts": text }), place, patch);
  return edits.changes.length === 0 ? text : textOf(edits);
};
export const refusal = (act: () => unknown): NebulaError => {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof NebulaError) return thrown;
    throw thrown;
  }
  throw new Error("it was not refused");
};
