export { expireTokens, type Taken, type TokenWindow, takeTokens } from "./take-tokens.ts";
