import { defineError, type Fault } from "../core/index.ts";

const define = (code: `NEB${number}`, title: string, hint: string): Fault =>
  defineError({ code, status: 422, title, retry: false, hint });

export const unknownField = define("NEB110", "Unknown field", "Remove it, or check how the option is spelt.");
export const wrongType = define("NEB111", "Wrong type", "Give a value of the type the option is declared with.");
export const wrongUnit = define(
  "NEB112",
  "Wrong unit",
  'Durations are a number and s, m, h or d ("5m"); sizes are a number and Mi, Gi or Ti ("10Gi").',
);
export const outOfRange = define("NEB113", "Out of range", "Give a value inside the range that the message names.");
export const unknownVersion = define("NEB114", "Unknown version", "Choose one of the versions the message lists.");
export const unknownSize = define("NEB115", "Unknown size", "Choose one of the sizes the message lists.");
export const badName = define(
  "NEB116",
  "Name not allowed",
  "Use 1 to 40 lower-case letters, digits and hyphens, starting with a letter and not ending with a hyphen.",
);
export const duplicateName = define("NEB117", "Duplicate name", "Give each of them a name of its own.");
export const nameCollision = define(
  "NEB118",
  "Names collide",
  "Postgres keeps the first 63 bytes of a name: make the names differ inside those.",
);
export const reservedName = define("NEB119", "Reserved name", "Choose another name: this one belongs to the system.");
export const badCidr = define(
  "NEB126",
  "Not a CIDR block",
  'Write an address block such as "10.0.0.0/8", "203.0.113.7/32" or "2001:db8::/32", with the host bits zero.',
);
export const conflictingOptions = define("NEB127", "Options contradict each other", "Change one of them.");
export const badMoment = define(
  "NEB131",
  "Not a moment",
  'Write date, time and offset: "2026-11-20T10:00:00Z", "2026-11-20T11:00:00+01:00".',
);
export const parentUnknown = define(
  "NEB132",
  "Branch of a database that is not there",
  "Name a database that a file of the same project declares; import it, and write it after `of`.",
);
export const parentUnfit = define(
  "NEB133",
  "Not to be branched",
  "A branch is made of a Postgres database that is not retired and is no branch itself.",
);
export const momentNotKept = define(
  "NEB134",
  "The parent keeps no log",
  "Leave `at` out to branch from now on, or give the parent backups with pitr and wait until that moment has passed.",
);
export const overAtOnce = define("NEB135", "The branch would be over at once", 'Write how long it lives: ttl: "7d".');
export const previewUnknown = define(
  "NEB139",
  "Preview of what cannot be branched",
  "Name Postgres databases that this project declares, that are not retired and are no branches.",
);
export const bucketParent = define(
  "NEB450",
  "Bucket of a database that is not there",
  "Name a Postgres database of the same project that is no branch; import it, and write it after `of`.",
);
export const badAmount = define(
  "NEB530",
  "Not an amount of the price book",
  'Write a decimal of at least zero with at most six places, as text: "0.12".',
);
export const badSteps = define(
  "NEB531",
  "Steps of a price do not join",
  "Write the steps in order: each begins where the one before ends, the first at zero, the last without `upTo`.",
);
export const badVersions = define(
  "NEB532",
  "Versions of the prices do not join",
  'Give each an id of its own and months as "2026-07": one is in force until the month in which the next begins.',
);
export const planWithoutPrice = define(
  "NEB533",
  "Plan without a price",
  "Where plans have prices, every plan that the fleet's quotas name has one: `plans: { standard: {} }` costs nothing.",
);
export const currencyChanged = define(
  "NEB534",
  "The currency changes",
  "One installation bills in one currency. Invoices and credits are never converted; keep the currency of the first version.",
);
export const badBudget = define(
  "NEB560",
  "Not a budget",
  'Write what a month may cost, in the currency of the price book: monthly: "200".',
);
export const channelUnclear = define(
  "NEB561",
  "Nobody to tell",
  'Name one of them: email: "ops@example.com"; webhook: "https://...", secret: secret("name"); or slack: secret("name").',
);
export const unknownChoice = define("NEB129", "Unknown choice", "Choose one of the values the message lists.");

/** One thing wrong with declared values: where in the options (not yet where in the file), what, and what to do. */
export type SpecProblem = {
  readonly code: string;
  /** The path inside the declaration's options; empty for the declaration itself, `["name"]` for its name. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly hint: string;
};

export const problem = (
  fault: Fault,
  path: readonly (string | number)[],
  message: string,
  hint: string = fault.definition.hint,
): SpecProblem => ({ code: fault.definition.code, path, message, hint });

export type Resolved<T> =
  | { readonly kind: "ok"; readonly spec: T }
  | { readonly kind: "invalid"; readonly problems: readonly SpecProblem[] };
