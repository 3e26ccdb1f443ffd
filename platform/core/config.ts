import { defineError } from "./errors.ts";
import { Secret } from "./secret.ts";

export const badConfig = defineError({
  code: "NEB901",
  status: 500,
  title: "Bad configuration",
  retry: false,
  hint: "Correct the named settings and start again; --print-config shows what was understood.",
});

type Environment = Readonly<Record<string, string | undefined>>;
type Field<T> = { readonly parse: (text: string) => T; readonly fallback?: T };
type Fields = Readonly<Record<string, Field<unknown>>>;
type Values<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** Field kinds. Without a fallback the setting is required. The key of a field is its environment variable. */
export const text = (fallback?: string): Field<string> => field((raw) => raw, fallback);
export const integer = (fallback?: number): Field<number> =>
  field((raw) => {
    const value = Number(raw);
    if (!Number.isSafeInteger(value)) throw new Error("must be a whole number");
    return value;
  }, fallback);
export const secret = (): Field<Secret> => field((raw) => new Secret(raw));
export const choice = <const T extends string>(options: readonly T[], fallback?: T): Field<T> =>
  field((raw) => {
    const found = options.find((option) => option === raw);
    if (found === undefined) throw new Error(`must be one of ${options.join(", ")}`);
    return found;
  }, fallback);

function field<T>(parse: (raw: string) => T, fallback?: T): Field<T> {
  return fallback === undefined ? { parse } : { parse, fallback };
}

/**
 * Reads a process's settings from an environment, all problems at once, frozen.
 * @throws NEB901 naming every missing or malformed variable.
 */
export function resolveConfig<F extends Fields>(environment: Environment, fields: F): Values<F> {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, { parse, fallback }] of Object.entries(fields)) {
    const raw = environment[name];
    if (raw === undefined || raw === "") {
      if (fallback === undefined) problems.push(`${name} is not set`);
      else values[name] = fallback;
      continue;
    }
    try {
      values[name] = parse(raw);
    } catch (problem) {
      problems.push(`${name} ${problem instanceof Error ? problem.message : String(problem)}`);
    }
  }
  if (problems.length > 0) throw badConfig(problems.join("; "));
  return Object.freeze(values) as Values<F>;
}
