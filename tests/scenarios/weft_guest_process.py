"""A program inside an instance that a scenario talks with, line by line."""
import select
import signal
import subprocess
import time


class GuestProcess:
    def __init__(self, command, environment):
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, bufsize=0)
        self.rest = b""

    def say(self, text):
        self.process.stdin.write(text.encode() + b"\n")

    def line(self, timeout=20):
        """The next line it prints."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            piece = self.process.stdout.read(65536) if ready else b""
            if not piece:
                raise subprocess.TimeoutExpired(self.process.args[2:], timeout, output=self.rest)
            self.rest += piece
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def end(self, timeout=20):
        """Closes what it reads from, and gives its exit code."""
        self.process.stdin.close()
        return self.process.wait(timeout)

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()
