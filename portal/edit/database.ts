import { type Engine, nameProblem, resolveDatabase } from "../../platform/spec/index.ts";
import {
  applyEdits,
  declaredNames,
  importersOf,
  removeDeclaration,
  vocabularyModule,
} from "../../platform/syntax/index.ts";
import {
  alreadyDeclared,
  badDeclaration,
  editFailed,
  importedElsewhere,
  notRetired,
  sizeContradicts,
} from "./errors.ts";
import { declarationFiles, fileOf, readable, refuseComputed, requireProject } from "./find.ts";
import { parseLiteral } from "./literal.ts";
import { applyValue, locate, type Subject } from "./patch.ts";
import { block } from "./render.ts";
import { type Style, styleOf } from "./style.ts";
import {
  type DatabasePlace,
  type FileEdits,
  type FileSet,
  isObject,
  type Json,
  type OptionsPatch,
  projectFolder,
} from "./types.ts";

const classes: Readonly<Record<Engine, string>> = {
  postgres: "Postgres",
  mysql: "MySQL",
  mariadb: "MariaDB",
  mongodb: "MongoDB",
  redis: "Redis",
  elasticsearch: "Elasticsearch",
};

/** The order in which a reader looks for options; the others follow. */
const order = [
  "version",
  "size",
  "compute",
  "storage",
  "replicas",
  "synchronous",
  "instances",
  "backups",
  "extensions",
  "roles",
];

/**
 * A new file that declares a database, in the style of its neighbours.
 * @throws NEB640 for options that do not resolve, NEB641 when the name is taken, NEB642 when there is no such project.
 */
export function createDatabase(
  files: FileSet,
  wanted: DatabasePlace & { readonly engine: Engine; readonly options: OptionsPatch },
): FileEdits {
  const { name, engine, options } = wanted;
  requireProject(files, wanted);
  const resolved = resolveDatabase({ engine, name, options });
  if (resolved.kind === "invalid") throw invalid(name, resolved.problems);
  const { path, style } = newFile(files, wanted);
  const { quote, eol, semicolon } = style;
  const content = [
    `import { ${classes[engine]} } from ${quote}${vocabularyModule}${quote}${semicolon}`,
    "",
    `export default new ${classes[engine]}(${quote}${name}${quote}, ${block(ordered(options), style)})${semicolon}`,
    "",
  ].join(eol);
  const next = new Map(files).set(path, content);
  readable(next, path);
  return { changes: [{ path, content }] };
}

/** Where a new declaration goes, and how its neighbours are written. @throws NEB641 when its name is taken. */
export function newFile(files: FileSet, wanted: DatabasePlace): { readonly path: string; readonly style: Style } {
  const { name } = wanted;
  const path = `${projectFolder(wanted)}/${name}.ts`;
  const neighbours = declarationFiles(files, wanted);
  const taken = files.has(path) ? path : neighbours.find((file) => declaredNames(files, file).includes(name));
  if (taken !== undefined) throw alreadyDeclared(`${wanted.tenant}/${wanted.project} has ${name} already, in ${taken}`);
  const texts = [...neighbours, `${projectFolder(wanted)}/project.ts`].flatMap((file) => files.get(file) ?? []);
  return { path, style: styleOf(texts) };
}

/**
 * Changes what a declaration says and nothing else, wherever it is written; see the invariants in index.ts.
 * @throws NEB642 to NEB645 and NEB647 with the place and the reason.
 */
export function changeDatabase(files: FileSet, place: DatabasePlace, patch: OptionsPatch): FileEdits {
  const subject: Subject = { place, file: fileOf(files, place) };
  refuseTwoSizes(files, subject, patch);
  const useful = Object.entries(patch).filter(
    ([option, value]) => !(option === "retire" && isUnset(files, subject, value)),
  );
  const next = useful.reduce((now, [option, value]) => applyValue(now, subject, [option], value), files);
  return editsBetween(files, next);
}

/** Says `retire: true`: the first of the two steps of deleting. */
export const retireDatabase = (files: FileSet, place: DatabasePlace): FileEdits =>
  changeDatabase(files, place, { retire: true });

/**
 * Takes the declaration away: its file, or its place in the file's list. Only when it says `retire: true`.
 * @throws NEB646 when it does not, NEB648 when other files import it.
 */
export function deleteDatabase(files: FileSet, place: DatabasePlace): FileEdits {
  const file = fileOf(files, place);
  const retire = locate(files, { place, file }, ["retire"]);
  if (retire.kind === "absent" || parseLiteral(retire.text) !== true)
    throw notRetired(`${place.tenant}/${place.project}/${place.name} does not say retire: true`);
  return removeDeclared(files, place, file);
}

/** Takes a branch's declaration away: it is a copy, and need not be retired. @throws NEB642 to NEB645, NEB648 */
export const deleteBranch = (files: FileSet, place: DatabasePlace): FileEdits =>
  removeDeclared(files, place, fileOf(files, place));

function removeDeclared(files: FileSet, place: DatabasePlace, file: string): FileEdits {
  if (declaredNames(files, file).length > 1) {
    const edited = removeDeclaration(files, file, place.name);
    if (edited.kind === "computed") throw refuseComputed(place.name, "the place", edited);
    if (edited.kind === "missing") throw editFailed(`${file}: ${edited.reason}`);
    return editsBetween(files, applyEdits(files, edited.edits));
  }
  const importers = importersOf(files, file);
  if (importers.length > 0) throw importedElsewhere(`${file} is imported by ${importers.join(", ")}`);
  return { changes: [{ path: file, content: null }] };
}

export function invalid(
  what: string,
  problems: readonly { readonly path: readonly (string | number)[]; readonly message: string }[],
) {
  const say = (where: string, message: string) => (message.startsWith(where) ? message : `${where}: ${message}`);
  const all = problems.map(({ path, message }) => say(path.join("."), message)).join("; ");
  return badDeclaration(`${what}: ${all}`, { fields: { problems } });
}

export function checkName(what: "project" | "database", name: string): void {
  const problem = nameProblem(what, name);
  if (problem !== undefined) throw invalid(name, [problem]);
}

/** A change may say size or compute units, and not against what stands there. */
function refuseTwoSizes(files: FileSet, subject: Subject, patch: OptionsPatch): void {
  const compute = patch.compute ?? null;
  const units = isObject(compute) ? ["min", "max"].filter((key) => (compute[key] ?? null) !== null) : [];
  const has = (...path: string[]) => locate(files, subject, path).kind === "literal";
  const { name } = subject.place;
  if (units.length > 0 && patch.size === undefined && has("size"))
    throw sizeContradicts(`${name} is declared by a named size, so compute.${units[0]} cannot be set beside it`);
  if ((patch.size ?? null) === null || patch.compute === null) return;
  const left = ["min", "max"].filter((key) => !(isObject(compute) && compute[key] === null));
  const stands = left.find((key) => has("compute") && has("compute", key));
  if (stands !== undefined)
    throw sizeContradicts(`${name} declares compute.${stands}, so a named size cannot be set beside it`, {
      hint: "Set compute.min and compute.max to null together with the size.",
    });
}

/** `retire: false` where nothing says it. */
const isUnset = (files: FileSet, subject: Subject, value: Json): boolean =>
  value === false && locate(files, subject, ["retire"]).kind === "absent";

function ordered(options: OptionsPatch): Json {
  const rank = (key: string) => (order.includes(key) ? order.indexOf(key) : order.length);
  return Object.fromEntries(
    Object.entries(options)
      .filter(([, value]) => value !== undefined)
      .sort(([a], [b]) => rank(a) - rank(b)),
  );
}

/** @throws NEB643 when an edit left a file that does not parse. */
function editsBetween(before: FileSet, after: FileSet): FileEdits {
  const changed = [...after].filter(([path, content]) => before.get(path) !== content);
  for (const [path] of changed) readable(after, path);
  return { changes: changed.map(([path, content]) => ({ path, content })) };
}
