import type { MemberRole } from "../../platform/spec/index.ts";
import {
  applyEdits,
  type Edited,
  locateOption,
  type OptionPath,
  readersOf,
  removeOption,
  setOption,
} from "../../platform/syntax/index.ts";
import { alreadyDeclared, editFailed, notDeclared, sharedValue } from "./errors.ts";
import { placeText, pointOf, readable, refuseComputed } from "./find.ts";
import { parseLiteral } from "./literal.ts";
import { inline } from "./render.ts";
import { quoteOf } from "./style.ts";
import type { FileEdits, FileSet, Json } from "./types.ts";

export type MemberEdit = {
  readonly tenant: string;
  /** As tenant.ts names them; letters' case does not matter. */
  readonly user: string;
};

/**
 * Makes somebody a member of a tenant, or changes what a member may do. The rest of tenant.ts stays byte for byte.
 * @throws NEB641 when it says that already, NEB642 to NEB645 with the place and the reason.
 */
export function putMember(
  files: FileSet,
  member: MemberEdit & { readonly role: MemberRole; readonly projects: readonly string[] | null },
): FileEdits {
  const { user, role, projects } = member;
  const file = fileOfTenant(files, member.tenant);
  const held = membersOf(files, file);
  const index = held.findIndex((each) => each.toLowerCase() === user.toLowerCase());
  const next =
    index < 0
      ? set(files, file, ["members", held.length], { user, role, ...(projects === null ? {} : { projects }) })
      : change(files, file, index, { role, projects });
  if (next === files) throw alreadyDeclared(`${user} is a ${role} of ${member.tenant} already, in ${file}`);
  const back = membersOf(next, file);
  if (!back.some((each) => each.toLowerCase() === user.toLowerCase()))
    throw editFailed(`${user} did not read back from ${file}`);
  return editsOf(files, next, file);
}

/** @throws NEB642 when he is none, NEB643 to NEB645 with the place and the reason. */
export function removeMember(files: FileSet, { tenant, user }: MemberEdit): FileEdits {
  const file = fileOfTenant(files, tenant);
  const held = membersOf(files, file);
  const index = held.findIndex((each) => each.toLowerCase() === user.toLowerCase());
  if (index < 0) throw notDeclared(`${user} is no member of ${tenant} in ${file}`);
  const next = apply(files, file, removeOption(files, file, null, ["members", index]));
  if (membersOf(next, file).length !== held.length - 1) throw editFailed(`${user} could not be removed from ${file}`);
  return editsOf(files, next, file);
}

function fileOfTenant(files: FileSet, tenant: string): string {
  const file = `tenants/${tenant}/tenant.ts`;
  if (!files.has(file)) throw notDeclared(`there is no tenant ${tenant}: ${file} is missing`);
  return readable(files, file);
}

/** Users in the order of the file. */
function membersOf(files: FileSet, file: string): string[] {
  const users: string[] = [];
  for (;;) {
    const element = locate(files, file, ["members", users.length]);
    if (element === undefined) return users;
    const user = parseLiteral(locate(files, file, ["members", users.length, "user"]) ?? "");
    if (typeof user !== "string") throw notDeclared(`${file}: member ${users.length + 1} names no user`);
    users.push(user);
  }
}

type Wanted = { readonly role: MemberRole; readonly projects: readonly string[] | null };

function change(files: FileSet, file: string, index: number, { role, projects }: Wanted): FileSet {
  const at = (key: string): OptionPath => ["members", index, key];
  const saysRole = parseLiteral(locate(files, file, at("role")) ?? "") === role;
  const withRole = saysRole ? files : set(files, file, at("role"), role);
  const before = locate(withRole, file, at("projects"));
  if (projects === null)
    return before === undefined ? withRole : apply(withRole, file, removeOption(withRole, file, null, at("projects")));
  const says = JSON.stringify(listIn(withRole, file, at("projects"))) === JSON.stringify([...projects].sort());
  return says ? withRole : set(withRole, file, at("projects"), projects);
}

function listIn(files: FileSet, file: string, path: OptionPath): readonly (Json | undefined)[] | undefined {
  if (locate(files, file, path) === undefined) return undefined;
  const found: (Json | undefined)[] = [];
  for (;;) {
    const text = locate(files, file, [...path, found.length]);
    if (text === undefined) return found.sort();
    found.push(parseLiteral(text));
  }
}

const set = (files: FileSet, file: string, path: OptionPath, value: Json): FileSet =>
  apply(files, file, setOption(files, file, null, path, inline(value, quoteOf(files.get(file)))));

function locate(files: FileSet, file: string, path: OptionPath): string | undefined {
  const found = locateOption(files, file, null, path);
  if (found.kind === "computed") throw refuseComputed(file, path.join("."), found);
  if (found.kind === "missing") throw notDeclared(`${file}: ${found.reason}`);
  return found.kind === "literal" ? found.text : undefined;
}

/** A constant that somebody else reads, or of another file, is not changed for one member's sake. */
function apply(files: FileSet, file: string, edited: Edited): FileSet {
  if (edited.kind === "computed") throw refuseComputed(file, "the list of members", edited);
  if (edited.kind === "missing") throw notDeclared(`${edited.file}: ${edited.reason}`);
  const shared = edited.through.find(
    (constant) => constant.file !== file || (readersOf(files, constant)?.length ?? 0) > 1,
  );
  if (shared !== undefined)
    throw sharedValue(`the members are written in ${shared.name} at ${placeText(shared)}, which others may read`, {
      hint: "Change the constant by git for all who use it.",
      fields: { place: pointOf(shared) },
    });
  return applyEdits(files, edited.edits);
}

function editsOf(before: FileSet, after: FileSet, file: string): FileEdits {
  readable(after, file);
  const content = after.get(file) ?? "";
  return { changes: content === before.get(file) ? [] : [{ path: file, content }] };
}
