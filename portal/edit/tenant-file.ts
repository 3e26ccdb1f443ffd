import {
  applyEdits,
  type Edited,
  locateOption,
  type OptionPath,
  readersOf,
  removeOption,
  setOption,
} from "../../platform/syntax/index.ts";
import { notDeclared, sharedValue } from "./errors.ts";
import { placeText, pointOf, readable, refuseComputed } from "./find.ts";
import { inline } from "./render.ts";
import { quoteOf } from "./style.ts";
import type { FileEdits, FileSet, Json } from "./types.ts";

/** What is edited in a tenant.ts: its lists of members, budgets and channels. */
export type TenantFile = {
  readonly file: string;
  /** Of a list, as a refusal names it. */
  readonly what: string;
};

/** @throws NEB642 where there is no such tenant */
export function fileOfTenant(files: FileSet, tenant: string): string {
  const file = `tenants/${tenant}/tenant.ts`;
  if (!files.has(file)) throw notDeclared(`there is no tenant ${tenant}: ${file} is missing`);
  return readable(files, file);
}

/** The text of what stands at a place; undefined: nothing does. @throws NEB642, NEB643 */
export function locate(files: FileSet, { file }: TenantFile, path: OptionPath): string | undefined {
  const found = locateOption(files, file, null, path);
  if (found.kind === "computed") throw refuseComputed(file, path.join("."), found);
  if (found.kind === "missing") throw notDeclared(`${file}: ${found.reason}`);
  return found.kind === "literal" ? found.text : undefined;
}

/** @throws NEB643 to NEB645 with the place and the reason */
export const set = (files: FileSet, at: TenantFile, path: OptionPath, value: Json): FileSet =>
  apply(files, at, setOption(files, at.file, null, path, inline(value, quoteOf(files.get(at.file)))));

/** @throws NEB643 to NEB645 with the place and the reason */
export const remove = (files: FileSet, at: TenantFile, path: OptionPath): FileSet =>
  apply(files, at, removeOption(files, at.file, null, path));

/** A constant that somebody else reads, or of another file, is not changed for one entry's sake. */
function apply(files: FileSet, { file, what }: TenantFile, edited: Edited): FileSet {
  if (edited.kind === "computed") throw refuseComputed(file, `the list of ${what}`, edited);
  if (edited.kind === "missing") throw notDeclared(`${edited.file}: ${edited.reason}`);
  const shared = edited.through.find(
    (constant) => constant.file !== file || (readersOf(files, constant)?.length ?? 0) > 1,
  );
  if (shared !== undefined)
    throw sharedValue(`the ${what} are written in ${shared.name} at ${placeText(shared)}, which others may read`, {
      hint: "Change the constant by git for all who use it.",
      fields: { place: pointOf(shared) },
    });
  return applyEdits(files, edited.edits);
}

export function editsOf(before: FileSet, after: FileSet, file: string): FileEdits {
  readable(after, file);
  const content = after.get(file) ?? "";
  return { changes: content === before.get(file) ? [] : [{ path: file, content }] };
}
