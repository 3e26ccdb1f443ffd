import { type Command, InvalidArgumentError, Option } from "commander";
import { type Client, makeClient } from "../client.ts";
import { type Format, formats } from "../output.ts";
import { readConnection } from "../settings.ts";

export const connect = (): Client => makeClient(readConnection());

/** `-o json|yaml|table`, the same for every command that prints data. */
export const withOutput = (command: Command): Command =>
  command.addOption(new Option("-o, --output <format>", "how to print").choices(formats).default("table"));

export type Output = { readonly output: Format };

export function parseUnits(text: string): number {
  const units = Number(text);
  if (!(units > 0) || !Number.isInteger(units * 4))
    throw new InvalidArgumentError("compute units are multiples of 0.25, for example 0.5");
  return units;
}

export function parsePositive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value <= 0) throw new InvalidArgumentError("must be a whole number above 0");
  return value;
}

export const collect = (text: string, sofar: readonly string[] = []): string[] => [...sofar, text];

export function collectPair(text: string, sofar: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("must be key=value");
  return { ...sofar, [text.slice(0, at)]: text.slice(at + 1) };
}
