/** The command that started this process, as a person would type it again. */
export function commandLine(script: string): string {
  const given = process.argv.slice(2);
  return [`npm run ${script}`, ...(given.length === 0 ? [] : ['--', ...given])].join(' ');
}
