import { describe, expect, it } from 'vitest';
import { commands } from '../../lib/cli/specs/index.ts';
import { commandSpeller } from '../../lib/cli/spelling.ts';

describe('advice', () => {
  const spell = commandSpeller(['adopt', '--root', 'other place'], {
    PARTWISE_TYPED_AS: 'node bin/partwise.ts',
  });

  it.each(commands.map(({ name }) => name))('names %s the way it was typed, with the same root', (name) => {
    expect(spell(`partwise ${name}`)).toBe(`node bin/partwise.ts ${name} --root 'other place'`);
  });

  it('leaves the name of the program alone where no command follows', () => {
    expect(spell('a run of partwise ended')).toBe('a run of partwise ended');
  });
});
