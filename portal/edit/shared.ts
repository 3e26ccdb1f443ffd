import { type Constant, type Reader, readersOf } from "../../platform/syntax/index.ts";
import { sharedValue } from "./errors.ts";
import { placeText, pointOf } from "./find.ts";
import { type DatabasePlace, type FileSet, projectFolder } from "./types.ts";

/**
 * Refuses an edit of a constant that somebody else reads. Every constant between the declaration and the value is looked at:
 * each is read once by this database, and nobody else may read it, or the member of it that is changed.
 * @throws NEB645
 */
export function refuseShared(files: FileSet, place: DatabasePlace, what: string, through: readonly Constant[]): void {
  through.forEach((constant, index) => {
    const readers = readersOf(files, constant);
    if (readers === undefined) return; // a member: its object stands before it in the chain
    const member = memberAfter(files, through[index + 1]);
    const touched = readers.filter((reader) => member === null || reader.member === null || reader.member === member);
    if (touched.length > 1) throw refusal(place, what, constant, touched);
    const inside = constant.file.startsWith(`${projectFolder(place)}/`);
    if (!inside && place.wholeTenant !== true)
      throw sharedValue(
        `${what} of ${place.name} is defined by ${constant.name} at ${placeText(constant)}, outside its project: other projects may use it`,
        { fields: { place: pointOf(constant) } },
      );
  });
}

/** `small`, when the next constant is `sizes.small`. */
function memberAfter(files: FileSet, next: Constant | undefined): string | null {
  if (next === undefined || readersOf(files, next) !== undefined) return null;
  return next.name.split(".")[1] ?? null;
}

function refusal(place: DatabasePlace, what: string, constant: Constant, readers: readonly Reader[]) {
  const places = readers.map(placeText);
  const shown = places.length > 4 ? [...places.slice(0, 4), `${places.length - 4} more`] : places;
  return sharedValue(
    `${what} of ${place.name} is defined by ${constant.name} at ${placeText(constant)}, which is used at ${shown.join(", ")}`,
    { fields: { place: pointOf(constant), usedAt: readers.map(pointOf) } },
  );
}
