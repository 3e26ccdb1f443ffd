import { z } from "zod";
import { outOfRange, wrongUnit } from "./errors.ts";
import { isName, shown } from "./names.ts";
import { durationSeconds, sizeBytes } from "./units.ts";

/* Values that several options have: durations, sizes, references to secrets. */
type Context = z.core.$RefinementCtx<unknown>;

export const refuse = (
  ctx: Context,
  fault: { readonly definition: { readonly code: string; readonly hint: string } },
  message: string,
  hint = fault.definition.hint,
): typeof z.NEVER => {
  ctx.addIssue({ code: "custom", message, params: { code: fault.definition.code, hint } });
  return z.NEVER;
};

export const duration = (least: number, most: number, allowNever: boolean) =>
  z.string().transform((text, ctx) => {
    const seconds = text === "never" && !allowNever ? undefined : durationSeconds(text);
    if (seconds === undefined)
      return refuse(
        ctx,
        wrongUnit,
        `${shown(text)} is not a duration`,
        'Write a number and s, m, h or d: "5m", "30d".',
      );
    if (seconds !== 0 && (seconds < least || seconds > most))
      return refuse(ctx, outOfRange, `${shown(text)} is not between ${least}s and ${most / 86_400}d`);
    return seconds;
  });

export const size = (least: number, most: number) =>
  z.string().transform((text, ctx) => {
    const bytes = sizeBytes(text);
    if (bytes === undefined)
      return refuse(
        ctx,
        wrongUnit,
        `${shown(text)} is not a size`,
        'Write a number and Mi, Gi or Ti: "512Mi", "10Gi".',
      );
    if (bytes < least || bytes > most)
      return refuse(ctx, outOfRange, `${shown(text)} is not between ${least / 2 ** 30}Gi and ${most / 2 ** 30}Gi`);
    return bytes;
  });

/** `secret("name")`: what a declaration says instead of a password. */
export const secretReference = z.strictObject({
  kind: z.literal("secret"),
  name: z.string().refine(isName, "is no name of a secret"),
});

/** An address on the web without a credential in it; plain http only to this machine. */
export const httpsUrl = z
  .string()
  .max(2_000)
  .refine((text) => {
    const url = URL.parse(text);
    const inside = url !== null && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
    return url !== null && url.username === "" && (url.protocol === "https:" || (url.protocol === "http:" && inside));
  }, "is no https:// address");
