// What is asked of Prometheus to see that an expression would answer. Pure.

/** Strings, matchers, ranges and words, so that what stands inside of them is not taken for an operator. */
const TOKEN = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\{(?:"(?:[^"\\]|\\.)*"|[^{}"])*\}|\[[^\]]*\]|[=!<>]=|[<>]/g;

/**
 * The rule for expressions that are empty while all is well (alerts, annotations): each comparison is asked with `bool`, so that it answers 0 or 1
 * for what it would have compared, instead of leaving out what does not hold; `absent(x)` is asked as `(x)`. Nothing else changes: both sides of each
 * comparison must have series, with labels that find each other.
 */
export function asQuestion(expression: string): string {
  const compared = expression.replaceAll(TOKEN, (token, at: number) => {
    if (/^["'{[]/.test(token)) return token;
    return /^\s*bool\b/.test(expression.slice(at + token.length)) ? token : `${token} bool`;
  });
  return compared.replaceAll(/\babsent\s*\(/g, '(');
}

/** A dashboard's variables put in, as Grafana does. @throws Error when one is left. */
export function withVariables(expression: string, values: Readonly<Record<string, string>>): string {
  return expression.replaceAll(/\$\{?(\w+)\}?/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`no value for $${name} in ${expression}`);
    return value;
  });
}
