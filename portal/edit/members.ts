import type { MemberRole } from "../../platform/spec/index.ts";
import type { OptionPath } from "../../platform/syntax/index.ts";
import { alreadyDeclared, editFailed, notDeclared } from "./errors.ts";
import { parseLiteral } from "./literal.ts";
import { editsOf, fileOfTenant, locate, remove, set, type TenantFile } from "./tenant-file.ts";
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
  const at = membersIn(files, member.tenant);
  const held = membersOf(files, at);
  const index = held.findIndex((each) => each.toLowerCase() === user.toLowerCase());
  const next =
    index < 0
      ? set(files, at, ["members", held.length], { user, role, ...(projects === null ? {} : { projects }) })
      : change(files, at, index, { role, projects });
  if (next === files) throw alreadyDeclared(`${user} is a ${role} of ${member.tenant} already, in ${at.file}`);
  const back = membersOf(next, at);
  if (!back.some((each) => each.toLowerCase() === user.toLowerCase()))
    throw editFailed(`${user} did not read back from ${at.file}`);
  return editsOf(files, next, at.file);
}

/** @throws NEB642 when he is none, NEB643 to NEB645 with the place and the reason. */
export function removeMember(files: FileSet, { tenant, user }: MemberEdit): FileEdits {
  const at = membersIn(files, tenant);
  const held = membersOf(files, at);
  const index = held.findIndex((each) => each.toLowerCase() === user.toLowerCase());
  if (index < 0) throw notDeclared(`${user} is no member of ${tenant} in ${at.file}`);
  const next = remove(files, at, ["members", index]);
  if (membersOf(next, at).length !== held.length - 1) throw editFailed(`${user} could not be removed from ${at.file}`);
  return editsOf(files, next, at.file);
}

const membersIn = (files: FileSet, tenant: string): TenantFile => ({
  file: fileOfTenant(files, tenant),
  what: "members",
});

/** Users in the order of the file. */
function membersOf(files: FileSet, at: TenantFile): string[] {
  const users: string[] = [];
  for (;;) {
    const element = locate(files, at, ["members", users.length]);
    if (element === undefined) return users;
    const user = parseLiteral(locate(files, at, ["members", users.length, "user"]) ?? "");
    if (typeof user !== "string") throw notDeclared(`${at.file}: member ${users.length + 1} names no user`);
    users.push(user);
  }
}

type Wanted = { readonly role: MemberRole; readonly projects: readonly string[] | null };

function change(files: FileSet, at: TenantFile, index: number, { role, projects }: Wanted): FileSet {
  const option = (key: string): OptionPath => ["members", index, key];
  const saysRole = parseLiteral(locate(files, at, option("role")) ?? "") === role;
  const withRole = saysRole ? files : set(files, at, option("role"), role);
  const before = locate(withRole, at, option("projects"));
  if (projects === null) return before === undefined ? withRole : remove(withRole, at, option("projects"));
  const says = JSON.stringify(listIn(withRole, at, option("projects"))) === JSON.stringify([...projects].sort());
  return says ? withRole : set(withRole, at, option("projects"), projects);
}

function listIn(files: FileSet, at: TenantFile, path: OptionPath): readonly (Json | undefined)[] | undefined {
  if (locate(files, at, path) === undefined) return undefined;
  const found: (Json | undefined)[] = [];
  for (;;) {
    const text = locate(files, at, [...path, found.length]);
    if (text === undefined) return found.sort();
    found.push(parseLiteral(text));
  }
}
