process.argv[2] = "reconciler";
await import("./stand-in-main.ts");
