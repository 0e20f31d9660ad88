import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["**/node_modules/", "**/third-party/"] },
  js.configs.recommended,
  { rules: { "prefer-const": "error", "no-var": "error", eqeqeq: "error" } },
  {
    // What a reader's browser runs: a plain script. Text goes into the page as text only.
    files: ["**/Reports/Site/*.js"],
    languageOptions: { sourceType: "script", globals: globals.browser },
    rules: {
      "no-restricted-properties": ["error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML"].map(property => ({ property, message: "Names can hold anything: use textContent or append." }))],
    },
  },
  { files: ["**/tests/site/*.mjs"], languageOptions: { globals: { ...globals.node, ...globals.browser } } },
];
