import { defineError } from "./errors.ts";
import { Secret } from "./secret.ts";
import { readSecretFile } from "./secret-file.ts";

export const badConfig = defineError({
  code: "NEB901",
  status: 500,
  title: "Bad configuration",
  retry: false,
  hint: "Correct the named settings and start again; --print-config shows what was understood.",
});

type Environment = Readonly<Record<string, string | undefined>>;
type Field<T> = { readonly parse: (text: string) => T; readonly fallback?: T; readonly isSecret?: true };
export type Fields = Readonly<Record<string, Field<unknown>>>;
/** What the settings say. */
export type Config<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** Field kinds. Without a fallback the setting is required. The key of a field is its environment variable. */
export const text = (fallback?: string): Field<string> => field((raw) => raw, fallback);
export const integer = (fallback?: number): Field<number> =>
  field((raw) => {
    const value = Number(raw);
    if (!Number.isSafeInteger(value)) throw new Error("must be a whole number");
    return value;
  }, fallback);
/**
 * Read from the file that NAME_FILE names, as Kubernetes and Vault mount secrets. The variable NAME itself counts only where
 * NEBULA_MODE is `development`: an environment is inherited by children, shown by `ps e` and copied into crash reports.
 */
export const secret = (): Field<Secret> => ({ parse: (raw) => new Secret(raw), isSecret: true });
export const choice = <const T extends string>(options: readonly T[], fallback?: T): Field<T> =>
  field((raw) => {
    const found = options.find((option) => option === raw);
    if (found === undefined) throw new Error(`must be one of ${options.join(", ")}`);
    return found;
  }, fallback);
/** A setting that may be missing: undefined then. */
export const optional = <T>(inner: Field<T>): Field<T | undefined> => ({ ...inner, fallback: undefined });

function field<T>(parse: (raw: string) => T, fallback?: T): Field<T> {
  return fallback === undefined ? { parse } : { parse, fallback };
}

/**
 * Reads a process's settings from an environment, all problems at once, frozen.
 * @throws NEB901 naming every missing, malformed or exposed setting.
 */
export function resolveConfig<F extends Fields>(environment: Environment, fields: F): Config<F> {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, one] of Object.entries(fields)) {
    try {
      const raw = one.isSecret ? readSecret(environment, name) : environment[name];
      if (raw !== undefined && raw !== "") values[name] = one.parse(raw);
      else if ("fallback" in one) values[name] = one.fallback;
      else problems.push(one.isSecret ? `${name}_FILE is not set` : `${name} is not set`);
    } catch (problem) {
      problems.push(`${name} ${problem instanceof Error ? problem.message : String(problem)}`);
    }
  }
  if (problems.length > 0) throw badConfig(problems.join("; "));
  return Object.freeze(values) as Config<F>;
}

/** A mounted file wins over a variable. */
function readSecret(environment: Environment, name: string): string | undefined {
  const file = environment[`${name}_FILE`];
  if (file) return readSecretFile(file).reveal();
  const plain = environment[name];
  if (plain && environment.NEBULA_MODE !== "development")
    throw new Error(`is given as a variable; mount it and set ${name}_FILE (NEBULA_MODE=development allows variables)`);
  return plain;
}
