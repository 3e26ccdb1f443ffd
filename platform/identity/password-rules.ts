/**
 * What a password must be. Length does most of the work; the rest keeps out what a guesser tries first.
 * Returns what is wrong with it as a sentence, or undefined.
 */
export function passwordProblem(password: string, { email }: { readonly email: string | null }): string | undefined {
  const plain = normalisePassword(password);
  const length = [...plain].length;
  if (length < 12) return `must have at least 12 characters, not ${length}`;
  if (length > 200) return "must have at most 200 characters";
  const folded = plain.toLowerCase();
  if (email !== null && [email, email.split("@")[0] ?? email].includes(folded))
    return "must not be your e-mail address";
  if (new Set(folded).size < 5) return "must have at least 5 different characters";
  if (isRun(folded)) return "must not be a run along the keyboard or the alphabet";
  if (common.has(folded) || common.has(withoutEnding(folded))) return "is one of the passwords that are tried first";
  return undefined;
}

/** The same characters typed on another machine are the same password. */
export const normalisePassword = (password: string): string => password.normalize("NFKC");

/** `password12345!` is `password` to a guesser. */
const withoutEnding = (text: string): string => text.replace(/[\d\W_]+$/, "");

const rows = ["abcdefghijklmnopqrstuvwxyz", "1234567890", "qwertyuiopasdfghjklzxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn7ujm"];

function isRun(text: string): boolean {
  return rows.some((row) => {
    const there = row.repeat(8);
    return there.includes(text) || [...there].reverse().join("").includes(text);
  });
}

/** Words that stand alone, or before digits and signs, in every published list. */
const common = new Set(
  (
    "password passw0rd p@ssword p@ssw0rd p4ssword passwordpassword adminpassword administrator admin adminadmin letmein " +
    "letmeinletmein welcome welcome1 welcomewelcome iloveyou iloveyouiloveyou sunshine princess football baseball " +
    "basketball superman batman dragon monkey master shadow michael jennifer jordan hunter trustno trustno1 whatever " +
    "starwars qwerty qwertyqwerty qwertyuiop qwerty123456 qazwsx qazwsxedc zxcvbn zxcvbnm asdfgh asdfghjkl asdfasdfasdf " +
    "changeme changemenow changeit secret secretsecret mysecretpassword mypassword yourpassword thisismypassword " +
    "newpassword oldpassword defaultpassword default test testtest testing testpassword testtesttest guest guestguest " +
    "root rootroot rootpassword toor login loginlogin user username useruser database databasepassword postgres " +
    "postgrespostgres postgresql mysql mongodb redis oracle nebula nebuladb nebulanebula nebulapassword " +
    "correcthorsebatterystaple correct-horse-battery-staple abc123abc123 abcd1234abcd 123qwe123qwe 1q2w3e4r5t6y q1w2e3r4t5y6 " +
    "1234567890qwerty qwerty1234567890 123abc123abc pass passpass passpasspass summer winter spring autumn january company " +
    "companypassword google googlegoogle facebook linkedin minecraft pokemon liverpool chelsea arsenal manchester"
  ).split(" "),
);
