import {
  applyEdits,
  type Edited,
  locateOption,
  type OptionPath,
  removeOption,
  setOption,
} from "../../platform/syntax/index.ts";
import { editFailed, notDeclared } from "./errors.ts";
import { refuseComputed } from "./find.ts";
import { parseLiteral, sameValue } from "./literal.ts";
import { inline } from "./render.ts";
import { refuseShared } from "./shared.ts";
import { quoteOf, type Style } from "./style.ts";
import { type DatabasePlace, type FileSet, isList, isObject, type Json } from "./types.ts";

/** One declaration while it is being edited; every function gives the files after its edit. */
export type Subject = { readonly place: DatabasePlace; readonly file: string };

/** Makes one option say `wanted`, member by member, so that what does not change is not touched. null removes it. */
export function applyValue(files: FileSet, subject: Subject, path: OptionPath, wanted: Json): FileSet {
  if (wanted === null) return remove(files, subject, path);
  const found = locate(files, subject, path);
  if (found.kind === "absent") {
    const bare = withoutNulls(wanted);
    const nothing = isObject(bare) && Object.keys(bare).length === 0;
    return nothing ? files : write(files, subject, path, bare);
  }
  if (isObject(wanted) && found.text.startsWith("{"))
    return Object.entries(wanted).reduce((next, [key, one]) => applyValue(next, subject, [...path, key], one), files);
  if (isList(wanted) && found.text.startsWith("[")) return applyList(files, subject, path, wanted);
  if (!isObject(wanted) && !isList(wanted) && sameValue(parseLiteral(found.text), wanted)) return files;
  return write(files, subject, path, withoutNulls(wanted), quoteIn(found.text));
}

/** A list is a set: what is not wanted goes, what is missing is added at the end, the rest stays where it is. */
function applyList(files: FileSet, subject: Subject, path: OptionPath, wanted: readonly Json[]): FileSet {
  const keys = wanted.map(keyOfElement);
  let next = files;
  const held = elements(files, subject, path);
  for (let i = held.length - 1; i >= 0; i--)
    if (!keys.includes(held[i] as Json)) next = remove(next, subject, [...path, i]);
  const kept = held.filter((key) => keys.includes(key));
  for (const one of wanted) {
    const index = kept.indexOf(keyOfElement(one));
    if (index < 0) next = write(next, subject, [...path, kept.push(keyOfElement(one)) - 1], one);
    else if (isObject(one)) next = applyElement(next, subject, [...path, index], one);
  }
  return next;
}

/** A role that stays: its members are what the list says, so one that is not said goes. */
function applyElement(
  files: FileSet,
  subject: Subject,
  path: OptionPath,
  wanted: { readonly [key: string]: Json },
): FileSet {
  const all = { ...Object.fromEntries(elementOptions.map((key) => [key, null])), ...wanted };
  return Object.entries(all).reduce((next, [key, one]) => applyValue(next, subject, [...path, key], one), files);
}
const elementOptions = ["login", "access"];

const keyOfElement = (element: Json): Json => (isObject(element) ? (element.name ?? null) : element);

/** What the elements are known by: their text, or their name. */
function elements(files: FileSet, subject: Subject, path: OptionPath): Json[] {
  const keys: Json[] = [];
  for (;;) {
    const at = [...path, keys.length];
    const element = locate(files, subject, at);
    if (element.kind === "absent") return keys;
    const named = element.text.startsWith("{") ? locate(files, subject, [...at, "name"]) : element;
    keys.push(named.kind === "absent" ? null : (parseLiteral(named.text) ?? null));
  }
}

function write(files: FileSet, subject: Subject, path: OptionPath, value: Json, quote?: Style["quote"]): FileSet {
  const text = inline(value, quote ?? quoteOf(files.get(subject.file)));
  const next = applied(files, subject, path, setOption(files, subject.file, subject.place.name, path, text));
  const back = locate(next, subject, path);
  const same = back.kind === "literal" && back.text === text;
  if (!same) throw editFailed(`${pathText(path)} of ${subject.place.name} did not read back as ${text}`);
  return next;
}

/** Until nothing says it any more: an option may be said twice, by a spread and by itself. */
function remove(files: FileSet, subject: Subject, path: OptionPath): FileSet {
  let next = files;
  const isElement = typeof path.at(-1) === "number";
  for (let turn = 0; locate(next, subject, path).kind === "literal"; turn++) {
    if (turn > 8) throw editFailed(`${pathText(path)} of ${subject.place.name} could not be removed`);
    next = applied(next, subject, path, removeOption(next, subject.file, subject.place.name, path));
    if (isElement) break;
  }
  return next;
}

function applied(files: FileSet, { place }: Subject, path: OptionPath, edited: Edited): FileSet {
  if (edited.kind === "computed") throw refuseComputed(place.name, pathText(path), edited);
  if (edited.kind === "missing") throw notDeclared(`${edited.file}: ${edited.reason}`);
  refuseShared(files, place, pathText(path), edited.through);
  return applyEdits(files, edited.edits);
}

export function locate(files: FileSet, { place, file }: Subject, path: OptionPath) {
  const found = locateOption(files, file, place.name, path);
  if (found.kind === "computed") throw refuseComputed(place.name, pathText(path), found);
  if (found.kind === "missing") throw notDeclared(`${file}: ${found.reason}`);
  return found;
}

function withoutNulls(value: Json): Json {
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([, one]) => one !== null);
  return Object.fromEntries(kept.map(([key, one]) => [key, withoutNulls(one)]));
}

const quoteIn = (text: string): Style["quote"] | undefined =>
  text[0] === "'" || text[0] === '"' ? text[0] : undefined;

export const pathText = (path: OptionPath): string =>
  path.map((part, i) => (typeof part === "number" ? `[${part}]` : `${i === 0 ? "" : "."}${part}`)).join("");
