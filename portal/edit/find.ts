import { type Computed, locateDeclaration, type Range, syntaxProblems } from "../../platform/syntax/index.ts";
import { computedValue, notDeclared, unreadableFile } from "./errors.ts";
import { type DatabasePlace, type FileSet, type ProjectPlace, projectFolder } from "./types.ts";

export const placeText = ({ file, line, column }: Range): string => `${file}:${line}:${column}`;

/** The file that declares a database. @throws NEB642 when none does, NEB643, NEB644 when code makes it. */
export function fileOf(files: FileSet, place: DatabasePlace): string {
  const candidates = declarationFiles(files, place);
  const found = candidates.map((file) => ({ file, at: locateDeclaration(files, file, place.name) }));
  const written = found.find(({ at }) => at.kind === "call");
  if (written !== undefined) return readable(files, written.file);
  const own = candidates.find((file) => file === `${projectFolder(place)}/${place.name}.ts`);
  if (own !== undefined) readable(files, own);
  for (const { at } of found) if (at.kind === "computed") throw refuseComputed(place.name, "its declaration", at);
  throw notDeclared(`${place.tenant}/${place.project} declares no database ${place.name}`);
}

/** Directly in the project's folder; the file of that name first. */
export function declarationFiles(files: FileSet, place: DatabasePlace): string[] {
  const folder = `${projectFolder(place)}/`;
  const own = `${folder}${place.name}.ts`;
  return [...files.keys()]
    .filter((path) => path.startsWith(folder) && /^[^/]+\.ts$/.test(path.slice(folder.length)))
    .filter((path) => path !== `${folder}project.ts`)
    .sort((a, b) => Number(b === own) - Number(a === own) || (a < b ? -1 : 1));
}

/** @throws NEB642 when the project has no project.ts. */
export function requireProject(files: FileSet, place: ProjectPlace): void {
  if (files.has(`${projectFolder(place)}/project.ts`)) return;
  throw notDeclared(
    `there is no project ${place.tenant}/${place.project}: ${projectFolder(place)}/project.ts is missing`,
  );
}

/** @throws NEB643 naming the first syntax error. */
export function readable(files: FileSet, file: string): string {
  const [first] = syntaxProblems(files, file);
  if (first === undefined) return file;
  throw unreadableFile(`${placeText(first)}: ${first.message}`, { fields: { place: pointOf(first) } });
}

export const refuseComputed = (name: string, what: string, at: Computed) =>
  computedValue(`${what} of ${name} is computed at ${placeText(at)}: ${at.reason}`, { fields: { place: pointOf(at) } });

export const pointOf = ({ file, line, column }: Range) => ({ file, line, column });
