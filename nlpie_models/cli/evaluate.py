import click
@click.command()
def evaluate(): pass
