import { crc32 } from "node:zlib";
import { makeToken, opens, parseToken } from "../../platform/identity/index.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import { certain, quantile } from "../harness/welch.ts";

/*
 * Guessing a key character by character: of two wrong keys one shares no character with the true one, the other nearly all.
 * What is timed is what the portal does with a key that it has found by its public id: parse, hash, compare.
 *
 * Where a text happens to lie in memory also takes its nanoseconds, the same ones each time. That is no leak, as it says nothing of
 * the key; so the unit that is repeated is the key, not the guess: each key gives one difference, and what counts is whether the
 * differences of many keys lean to one side.
 */
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const secretLength = 43;
/** Characters at the end in which all guesses differ from the true key. */
const varying = 3;
const pool = 64;
const keys = 40;

catalogueRow({
  suite: "attacks",
  name: "API key timing",
  promise: "the time to refuse a wrong key says nothing of how much of it is right",
  n: { small: 100_000, large: 1_000_000 },
  run: async (input) => measure(input),
  control: { without: "comparing hashes in constant time", n: 4_000 },
});

function measure(input: RowInput): Trials {
  const differences: number[] = [];
  let opened = 0;
  warmUp(input);
  for (let key = 0; key < keys; key++) {
    const one = measureKey(input, Math.ceil(input.n / keys));
    differences.push(one.differenceNs);
    opened += one.opened;
  }
  const t = leaning(differences);
  return {
    trials: input.n,
    violations: [
      ...(opened > 0 ? [`${opened} wrong keys opened`] : []),
      ...(Math.abs(t) < certain
        ? []
        : [`t = ${t.toFixed(1)} between no and ${secretLength - varying} right characters`]),
    ],
    figures: { absoluteT: Math.abs(t) },
  };
}

const warmUp = (input: RowInput) => measureKey(input, 4_000);

/** How much longer a nearly right guess of one key takes than a wholly wrong one, the slowest tenth of both left out. */
function measureKey({ random, guarded }: RowInput, guesses: number): { differenceNs: number; opened: number } {
  const truth = makeToken("live");
  const text = truth.text.reveal();
  const row = { secretHash: truth.hash, revokedAt: null, expiresAt: null };
  const compare = guarded
    ? (guess: string) => {
        const parsed = parseToken(guess);
        return parsed !== undefined && opens(row, parsed, 0);
      }
    : (guess: string) => sameText(guess, text);
  const kinds = [guessesOf(text, "wrong", random), guessesOf(text, "right", random)];
  const times: [number[], number[]] = [[], []];
  let opened = 0;
  for (let i = 0; i < guesses; i++) {
    const kind = random.next() < 0.5 ? 0 : 1;
    const guess = kinds[kind]?.[random.int(0, pool - 1)] ?? "";
    const begun = process.hrtime.bigint();
    const isOpen = compare(guess);
    times[kind].push(Number(process.hrtime.bigint() - begun));
    if (isOpen) opened++;
  }
  const limit = quantile([...times[0], ...times[1]], 0.9);
  const mean = (all: readonly number[]) => {
    const kept = all.filter((each) => each <= limit);
    return kept.reduce((sum, each) => sum + each, 0) / kept.length;
  };
  return { differenceNs: mean(times[1]) - mean(times[0]), opened };
}

/** Student's t of the differences against none at all. */
function leaning(differences: readonly number[]): number {
  const n = differences.length;
  const mean = differences.reduce((sum, each) => sum + each, 0) / n;
  const variance = differences.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (n - 1);
  return variance === 0 ? 0 : mean / Math.sqrt(variance / n);
}

/**
 * Well-formed keys (the checksum holds) that differ in their last characters. Both kinds begin alike among themselves, and with
 * digits and letters at the same places: what a processor learns from repetition must not differ between them.
 */
function guessesOf(truth: string, kind: "right" | "wrong", random: Random): string[] {
  const start = truth.length - secretLength - 6;
  const other = (char: string) => random.pick([...kindOf(char)].filter((each) => each !== char));
  const secret = [...truth.slice(start, start + secretLength)];
  const begin = secret.slice(0, -varying).map((char) => (kind === "right" ? char : other(char)));
  return Array.from({ length: pool }, () => {
    const rest = secret.slice(-varying).map(other);
    return withChecksum(`${truth.slice(0, start)}${[...begin, ...rest].join("")}`);
  });
}

const kinds = [alphabet.slice(0, 10), alphabet.slice(10, 36), alphabet.slice(36)];
const kindOf = (char: string) => kinds.find((each) => each.includes(char)) ?? alphabet;

function withChecksum(body: string): string {
  let rest = crc32(body);
  let sum = "";
  for (let i = 0; i < 6; i++, rest = Math.floor(rest / alphabet.length))
    sum = `${alphabet[rest % alphabet.length]}${sum}`;
  return `${body}${sum}`;
}

/** `===`, with the cost of each character made large enough to see through this machine's noise. */
function sameText(a: string, b: string): boolean {
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return false;
    for (let spin = 0; spin < 200; spin++) Math.imul(spin, i);
  }
  return a.length === b.length;
}
