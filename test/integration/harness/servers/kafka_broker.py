# SPDX-License-Identifier: Apache-2.0
"""A real Kafka broker, from Maven's jars in build/peers/kafka: one node, on free ports, with its data in a folder."""

import fcntl
import os
import shutil
import signal
import subprocess
import time

import pytest

from ..limits import PATIENCE, ROOT, free_port, missing

JAVA = ["-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}{more_listeners}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,SSL:SSL
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_otel="otelpw";
listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
log.dirs={folder}/data
num.partitions=3
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""


def jars():
    """The classpath; made once. Skipped aloud without Java or Maven, and where the jars cannot be had."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: no real Kafka broker is tried")
    folder, source = ROOT / "build/peers/kafka", ROOT / "test/peers/kafka/pom.xml"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / ".done"
        if not done.exists() or done.read_bytes() != source.read_bytes():
            command = ["mvn", "-q", "-B", "-f", source, "dependency:copy-dependencies", f"-DoutputDirectory={folder / 'lib'}"]
            ran = subprocess.run(command, capture_output=True, text=True, timeout=20 * PATIENCE)
            if ran.returncode != 0:
                missing(f"Kafka's jars: {(ran.stdout + ran.stderr)[-2000:]}")
            done.write_bytes(source.read_bytes())
    return f"{folder}/lib/*"


class Disk:
    """A disk of so many MB, that those see who are started under disk.under; it can be made larger. Skipped aloud where that
    is not allowed."""

    def __init__(self, folder, size):
        self.folder = folder
        folder.mkdir()
        user = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
        mount = 'mount -t tmpfs -o size="$1"m tmpfs "$2" && echo ready && exec cat'
        command = ["unshare", *user, "--mount", "--propagation", "private", "sh", "-c", mount, "sh", str(size), str(folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if self.process.stdout.readline() != "ready\n":
            pytest.skip("this machine lets nobody have a disk of his own")
        inside = ["--user", "--preserve-credentials"] if user else []
        self.under = ["nsenter", "--target", str(self.process.pid), *inside, "--mount"]

    def resize(self, size):
        subprocess.run([*self.under, "mount", "-o", f"remount,size={size}m", self.folder], check=True)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Broker:
    """broker.address takes plain text; broker.sasl PLAIN and SCRAM of user otel with otelpw, and tokens
    without a signature; broker.tls, with certificates."""

    def __init__(self, folder, settings="", pem=None, under=()):
        self.folder, self.process, self.under = folder, None, list(under)
        self.classpath = jars()
        ports = {name: free_port() for name in ("plain", "sasl", "tls", "controller")}
        self.address, self.sasl, self.tls = (f"127.0.0.1:{ports[n]}" for n in ("plain", "sasl", "tls"))
        more = f",SSL://127.0.0.1:{ports['tls']}" if pem else ""
        text = PROPERTIES.format(folder=folder, more_listeners=more, **ports) + settings
        if pem:
            text += f"\nssl.keystore.type=PEM\nssl.keystore.location={pem}\n"
        (folder / "server.properties").write_text(text)
        scram = [f"--add-scram=SCRAM-SHA-{n}=[name=otel,password=otelpw]" for n in (256, 512)]
        self.run("kafka.tools.StorageTool", "format", "-t", "A" * 22, "-c", folder / "server.properties", *scram)
        self.start()

    def run(self, name, *arguments):
        command = [*self.under, "java", *JAVA, "-cp", self.classpath, name, *map(str, arguments)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=4 * PATIENCE)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def start(self):
        self.log = open(self.folder / "broker.log", "ab")
        command = [*self.under, "java", *JAVA, "-cp", self.classpath, "kafka.Kafka", str(self.folder / "server.properties")]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self.wait_ready()

    def wait_ready(self):
        import confluent_kafka

        deadline = time.monotonic() + 4 * PATIENCE
        client = confluent_kafka.Producer({"bootstrap.servers": self.address, "log_level": 0})
        while True:
            try:
                if client.list_topics(timeout=1).brokers:
                    return
            except confluent_kafka.KafkaException:
                pass
            assert time.monotonic() < deadline and self.process.poll() is None, (self.folder / "broker.log").read_text()[-4000:]

    def members(self, group):
        """The ids of those that are in that consumer group."""
        from confluent_kafka import admin

        (found,) = admin.AdminClient({"bootstrap.servers": self.address}).list_groups(group, timeout=PATIENCE)
        return [m.id for m in found.members]

    def topic(self, name, partitions=3, **settings):
        from confluent_kafka import admin

        topic = admin.NewTopic(name, partitions, 1, config={k.replace("_", "."): str(v) for k, v in settings.items()})
        client = admin.AdminClient({"bootstrap.servers": self.address})
        client.create_topics([topic])[name].result(PATIENCE)
        return name

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
        self.log.close()


if __name__ == "__main__":  # make peers
    try:
        print(jars())
    except (pytest.skip.Exception, pytest.fail.Exception) as why:
        raise SystemExit(f"kafka: {why}") from None
