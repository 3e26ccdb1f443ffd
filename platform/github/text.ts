/** GitHub's limits, in characters as it counts them. */
export const longestDescription = 140;
export const longestTitle = 255;
export const longestBody = 65_000;

/** At most `longest` characters, ending in an ellipsis where something is missing, and never in half a character. */
export function cut(text: string, longest: number): string {
  const whole = text.isWellFormed() ? text : text.toWellFormed();
  if (whole.length <= longest) return whole;
  const kept = whole.slice(0, longest - 1);
  return `${kept.isWellFormed() ? kept : kept.slice(0, -1)}…`;
}
