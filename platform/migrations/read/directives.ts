/** `-- nebula: allow drop-column because nobody reads it since v3` above a statement. */
export type Allowance = { readonly rule: string; readonly why: string };

export type Directives = {
  readonly allowed: readonly Allowance[];
  /** Of a whole file. */
  readonly noTransaction: boolean;
  /** The fingerprint of a schema that has this migration in it already. */
  readonly alreadyIn: string | null;
  /** What begins with `nebula:` and is none of these. */
  readonly unknown: readonly string[];
};

export function readDirectives(comments: readonly string[]): Directives {
  const allowed: Allowance[] = [];
  const unknown: string[] = [];
  let noTransaction = false;
  let alreadyIn: string | null = null;
  for (const comment of comments) {
    const [, said] = /^--\s*nebula:\s*(.*?)\s*$/.exec(comment) ?? [];
    if (said === undefined) continue;
    const [, rule, why] = /^allow\s+([a-z][a-z-]*)\s+because\s+(\S.*)$/.exec(said) ?? [];
    const [, fingerprint] = /^already-in\s+([0-9a-f]{64})$/.exec(said) ?? [];
    if (rule !== undefined && why !== undefined) allowed.push({ rule, why });
    else if (fingerprint !== undefined) alreadyIn = fingerprint;
    else if (said === "no-transaction") noTransaction = true;
    else unknown.push(said);
  }
  return { allowed, noTransaction, alreadyIn, unknown };
}
