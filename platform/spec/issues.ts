import type { z } from "zod";
import { outOfRange, problem, type SpecProblem, unknownChoice, unknownField, wrongType, wrongUnit } from "./errors.ts";
import { nearest, shown } from "./names.ts";

type Issue = z.core.$ZodIssue;
type Path = readonly (string | number)[];

/** Options whose value carries a unit: a bare number there is a wrong unit, not a wrong type. */
const withUnit = [
  ...["storage", "memory", "retention", "suspendAfter", "minBackupRetention"],
  ...["idleTimeout", "transactionTimeout", "statementTimeout", "ttl"],
  ...["timeout", "maxBody", "maxResponse", "maxObject"],
];

/** zod's issues as our problems: one for each unknown field, codes, hints, no zod wording where ours is better. */
export function toProblems(
  issues: readonly Issue[],
  value: unknown,
  known: (path: Path) => readonly string[],
): SpecProblem[] {
  return issues.flatMap((issue) => toProblem(issue, value, known));
}

function toProblem(issue: Issue, value: unknown, known: (path: Path) => readonly string[]): SpecProblem[] {
  const path = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
  const option = dotted(path);
  const given = valueAt(value, path);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(key, path, known(path)));
    case "invalid_type":
      return [wrongKind(path, option, issue.expected, given)];
    case "too_small":
      return [problem(outOfRange, path, `${option} is ${shown(given)}; the least is ${issue.minimum}`)];
    case "too_big":
      return [problem(outOfRange, path, `${option} is ${shown(given)}; the most is ${issue.maximum}`)];
    case "not_multiple_of":
      return [problem(outOfRange, path, `${option} is ${shown(given)}; it goes in steps of ${issue.divisor}`)];
    case "invalid_value":
      return [
        problem(
          unknownChoice,
          path,
          `${option} is ${shown(given)}`,
          `Choose one of ${issue.values.map((choice) => JSON.stringify(choice)).join(", ")}.`,
        ),
      ];
    case "invalid_format":
      return [problem(wrongType, path, `${option} is ${shown(given)}, which has a form it cannot have`)];
    case "invalid_key":
      return [
        problem(wrongType, path, `${option} has a key that is not allowed`, "Use lower-case letters, digits, . _ / -"),
      ];
    case "custom":
      return [fromCustom(issue, path, option)];
    default:
      return [problem(wrongType, path, `${option}: ${issue.message}`)];
  }
}

function unknownKey(key: string, path: Path, known: readonly string[]): SpecProblem {
  const meant = nearest(key, known);
  const hint = meant === undefined ? `The options here are ${known.join(", ")}.` : `Did you mean "${meant}"?`;
  const where = path.length === 0 ? "" : ` in ${dotted(path)}`;
  return problem(unknownField, [...path, key], `there is no option ${shown(key)}${where}`, hint);
}

function wrongKind(path: Path, option: string, expected: string, given: unknown): SpecProblem {
  if (given === undefined) return problem(wrongType, path, `${option} is missing`, `Add ${option}.`);
  const last = path.at(-1);
  // Never shown: it stands in Git by mistake already, a comment on the pull request would spread it.
  if (
    path[0] === "password" ||
    (path[1] === "jwt" && last === "secret") ||
    (path[0] === "notify" && (last === "secret" || last === "slack"))
  )
    return problem(wrongType, path, `${option} must be a reference to a secret`, `Write ${last}: secret("name").`);
  if (typeof given === "number" && typeof last === "string" && withUnit.includes(last))
    return problem(wrongUnit, path, `${option} is the bare number ${given}; it needs a unit`);
  return problem(wrongType, path, `${option} is ${shown(given)}, but takes ${article(expected)}`);
}

function fromCustom(issue: Issue & { readonly code: "custom" }, path: Path, option: string): SpecProblem {
  const { code, hint } = issue.params ?? {};
  return typeof code === "string" && typeof hint === "string"
    ? { code, path, message: `${option}: ${issue.message}`, hint }
    : problem(wrongType, path, `${option} ${issue.message}`);
}

const article = (expected: string): string => {
  const word = { record: "object", int: "whole number" }[expected] ?? expected;
  return `${/^[aeiou]/.test(word) ? "an" : "a"} ${word}`;
};

/** `roles[0].name`; "the declaration" when it is the whole. */
export const dotted = (path: Path): string =>
  path.reduce<string>(
    (text, part) => (typeof part === "number" ? `${text}[${part}]` : text === "" ? part : `${text}.${part}`),
    "",
  ) || "the options";

export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Record<string | number, unknown>)[key]
        : undefined,
    value,
  );
}
