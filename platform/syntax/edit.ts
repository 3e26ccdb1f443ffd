import type ts from "typescript";
import { findCall } from "./declaration.ts";
import { type Computed, type Constant, computed } from "./follow.ts";
import { type LocatedNode, locateNode, type OptionPath } from "./locate.ts";
import type { Files, Range } from "./source.ts";
import { typescript } from "./typescript.ts";

/** Replaces `[start, end)` of a file by `text`. */
export type TextEdit = { readonly file: string; readonly start: number; readonly end: number; readonly text: string };

export type Edited =
  | { readonly kind: "edits"; readonly edits: readonly TextEdit[]; readonly through: readonly Constant[] }
  | Computed
  | (Range & { readonly kind: "missing"; readonly reason: string });

/** Changes or adds one option; `value` is source text. Everything outside the edits stays byte for byte. */
export function setOption(files: Files, file: string, name: string | null, path: OptionPath, value: string): Edited {
  const found = locateNode(files, file, name, path);
  switch (found.kind) {
    case "literal":
      return edits([replace(found.node, value)], found.through);
    case "absent":
      return edits(insert(found, value), found.through);
    default:
      return found;
  }
}

/** Removes one option with its comma; what is not there is removed already. */
export function removeOption(files: Files, file: string, name: string | null, path: OptionPath): Edited {
  const found = locateNode(files, file, name, path);
  switch (found.kind) {
    case "literal":
      return found.property === null ? edits([], []) : edits([removal(found.property)], found.throughToProperty);
    case "absent":
      return edits([], []);
    default:
      return found;
  }
}

/** Takes one declaration out of the list that a file exports. A file's only declaration goes with its file instead. */
export function removeDeclaration(files: Files, file: string, name: string): Edited {
  const call = findCall(files, file, name);
  if (call.kind === "computed") return call;
  if (call.kind === "missing") return { ...call, file, start: 0, end: 0, line: 1, column: 1 };
  const { parent } = call.node;
  if (!typescript().isArrayLiteralExpression(parent))
    return computed(call.node, "it does not stand in a list by itself");
  return edits([removal(call.node)], []);
}

/** The set with edits applied. Edits of one file must not overlap. */
export function applyEdits(files: Files, list: readonly TextEdit[]): Map<string, string> {
  const next = new Map(files);
  for (const { file, start, end, text } of [...list].sort((a, b) => b.start - a.start || b.end - a.end)) {
    const before = next.get(file) ?? "";
    next.set(file, before.slice(0, start) + text + before.slice(end));
  }
  return next;
}

const edits = (list: readonly TextEdit[], through: readonly Constant[]): Edited => ({
  kind: "edits",
  edits: list,
  through,
});

const replace = (node: ts.Node, text: string): TextEdit => ({
  file: node.getSourceFile().fileName,
  start: node.getStart(),
  end: node.getEnd(),
  text,
});

function insert({ holder, missing }: LocatedNode & { kind: "absent" }, value: string): TextEdit[] {
  const api = typescript();
  const [first, ...rest] = missing;
  const inner = rest.reduceRight<string>(
    (text, key) => (typeof key === "number" ? `[${text}]` : `{ ${key}: ${text} }`),
    value,
  );
  if (api.isObjectLiteralExpression(holder))
    return append(holder, holder.properties, `${keyText(String(first))}: ${inner}`);
  if (api.isArrayLiteralExpression(holder)) return append(holder, holder.elements, inner);
  const all = typeof first === "string" ? `{ ${keyText(first)}: ${inner} }` : inner;
  return appendArgument(holder as ts.NewExpression | ts.CallExpression, all);
}

export const keyText = (key: string): string => (/^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key));

/** `new Postgres("orders")` has no options yet. */
function appendArgument(call: ts.NewExpression | ts.CallExpression, text: string): TextEdit[] {
  const last = call.arguments?.at(-1);
  const file = call.getSourceFile().fileName;
  if (last !== undefined) return [{ file, start: last.getEnd(), end: last.getEnd(), text: `, ${text}` }];
  const inside = call.getEnd() - (call.arguments === undefined ? 0 : 1);
  return [{ file, start: inside, end: inside, text: call.arguments === undefined ? `(${text})` : text }];
}

/** Adds a member at the end of an object or array, in the style in which it is written: on a line of its own, or not. */
function append(
  holder: ts.ObjectLiteralExpression | ts.ArrayLiteralExpression,
  members: ts.NodeArray<ts.Node>,
  text: string,
): TextEdit[] {
  const source = holder.getSourceFile();
  const file = source.fileName;
  const last = members.at(-1);
  const close = holder.getEnd() - 1;
  const inside = source.text.slice(holder.getStart() + 1, close);
  if (last === undefined) {
    if (inside.includes("\n")) {
      const at = holder.getStart() + 1 + inside.lastIndexOf("\n");
      return [{ file, start: at, end: at, text: `${eol(source)}${lineIndent(source, close)}  ${text},` }];
    }
    const pad = source.text[holder.getStart()] === "{" ? " " : "";
    return inside.trim() === ""
      ? [{ file, start: holder.getStart() + 1, end: close, text: `${pad}${text}${pad}` }]
      : [{ file, start: close, end: close, text: `${text}${pad}` }];
  }
  const ownLine = source.text.slice(last.getEnd(), close).includes("\n");
  const comma = members.hasTrailingComma ? members.end : last.getEnd();
  if (!ownLine) {
    const lead = members.hasTrailingComma ? " " : ", ";
    return [{ file, start: comma, end: comma, text: `${lead}${text}${members.hasTrailingComma ? "," : ""}` }];
  }
  const after = afterComments(source.text, comma);
  const line = `${eol(source)}${memberIndent(source, last)}${text}${members.hasTrailingComma ? "," : ""}`;
  if (members.hasTrailingComma) return [{ file, start: after, end: after, text: line }];
  return after === last.getEnd()
    ? [{ file, start: after, end: after, text: `,${line}` }]
    : [
        { file, start: last.getEnd(), end: last.getEnd(), text: "," },
        { file, start: after, end: after, text: line },
      ];
}

/** Takes away a member, its comma, the comment that ends its line, and the line when nothing else stands on it. */
function removal(member: ts.Node): TextEdit {
  const source = member.getSourceFile();
  const { text } = source;
  const file = source.fileName;
  const comma = /^\s*,/.exec(text.slice(member.getEnd()))?.[0].length ?? 0;
  const afterMember = member.getEnd() + comma;
  const lineStart = text.lastIndexOf("\n", member.getStart() - 1) + 1;
  const end = afterComments(text, afterMember);
  const lineEnd = /^[ \t]*\r?\n/.exec(text.slice(end))?.[0].length;
  const aloneOnLine = text.slice(lineStart, member.getStart()).trim() === "" && lineEnd !== undefined;
  if (aloneOnLine) return { file, start: lineStart, end: end + lineEnd, text: "" };
  if (comma > 0) {
    const space = /^[ \t]*/.exec(text.slice(afterMember))?.[0].length ?? 0;
    return { file, start: member.getStart(), end: afterMember + space, text: "" };
  }
  const before = /,?[ \t\r\n]*$/.exec(text.slice(0, member.getStart()))?.[0] ?? "";
  const keep = before.startsWith(",") ? 0 : before.length;
  return { file, start: member.getStart() - before.length + keep, end: member.getEnd(), text: "" };
}

/** The end of the comments that follow on the same line. */
function afterComments(text: string, position: number): number {
  return typescript().getTrailingCommentRanges(text, position)?.at(-1)?.end ?? position;
}

const eol = (source: ts.SourceFile): string => (source.text.includes("\r\n") ? "\r\n" : "\n");

const lineIndent = (source: ts.SourceFile, position: number): string =>
  /^[ \t]*/.exec(source.text.slice(source.text.lastIndexOf("\n", position - 1) + 1))?.[0] ?? "";

const memberIndent = (source: ts.SourceFile, member: ts.Node): string => lineIndent(source, member.getStart());
